"""Models that look at pictures: their networks, processors and prompts, with mlx-vlm."""
