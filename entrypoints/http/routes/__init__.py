"""One module for each part of the API; a route parses, calls one use case and presents."""
