"""Ways to copy a file: copy-on-write where the filesystem can, byte by byte elsewhere."""
