"""A model in a folder of one's own: what it is known by, how it is made, mended and published."""
