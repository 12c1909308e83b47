"""The launcher of mlxk and its version, nothing else.

Every module of ours comes after this one, so this is where an older Python is refused: in words that it can parse.
"""

import sys

__version__ = "0.1.0"

MIN_PYTHON = (3, 11)

if sys.version_info < MIN_PYTHON:
    sys.stderr.write(
        "mlxk needs Python "
        + ".".join(map(str, MIN_PYTHON))
        + " or newer, this is "
        + ".".join(map(str, sys.version_info[:3]))
        + ": reinstall it with a newer Python\n"
    )
    sys.exit(1)
