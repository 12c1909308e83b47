"""What the installed MLX libraries can load, learned from their files, never by importing them."""
