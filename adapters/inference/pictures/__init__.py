"""Files of pictures to pixels and facts. What is read here may be hostile."""
