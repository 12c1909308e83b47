"""A server elsewhere that embeds, over HTTP."""
