"""One module a command, named as the command is: `Arguments`, the fields of its row in the option table, and `execute`.
The folder is the registry.
"""
