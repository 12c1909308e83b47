"""Workspaces on the local disk."""
