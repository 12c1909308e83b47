"""MLX behind the inference ports. These modules are imported in worker processes only."""
