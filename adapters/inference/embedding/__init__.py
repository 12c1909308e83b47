"""Texts to vectors, and pairs of texts to scores: over the networks of mlx-vlm and mlx-lm, with pooling of our own."""
