"""The suite on every Python and both ends of the libraries that mlxk allows."""
