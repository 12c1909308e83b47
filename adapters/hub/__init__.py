"""Hubs and the cache that models are pulled into."""
