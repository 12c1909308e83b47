"""How results look: JSON objects for programs, tables for people. Formatting for people lives here and nowhere else."""
