"""How the outside really works: one family a folder, one library each."""
