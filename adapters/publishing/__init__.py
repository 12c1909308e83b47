"""Writing to a hub with its own library."""
