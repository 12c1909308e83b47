"""How fast a model runs here, and how much memory it takes."""
