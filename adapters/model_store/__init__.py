"""Where models lie: the Hugging Face cache, workspaces, the built-in model. Reads, never writes."""
