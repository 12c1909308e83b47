"""Remembered prompts: hash-chained blocks in memory and on the disk. Modules here import MLX only where they say so."""
