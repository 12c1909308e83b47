"""A model in a process of its own: the front's end, the worker's end, and the frames between them."""
