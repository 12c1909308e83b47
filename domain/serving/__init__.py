"""Many requests, many models."""
