"""What mlxk needs from outside: one small Protocol a file, its docstring is its contract."""
