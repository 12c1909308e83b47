"""The launcher of mlxk and its version, nothing else."""

__version__ = "0.1.0"
