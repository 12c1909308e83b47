"""The batched decode loop: scheduler, prefill, decode step and sampling over mlx-lm's models and cache classes."""
