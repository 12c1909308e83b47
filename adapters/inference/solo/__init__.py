"""Text models served one row at a time: for what cannot be decoded in a batch."""
