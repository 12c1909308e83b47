"""Deleting and locking on the local disk."""
