"""The launcher: answers `--version` at once, puts the application root on sys.path, hands over to an entrypoint.

The application root is the folder that holds domain/, ports/, ... : this folder in an installed wheel, its parent in a
checkout (docs/adr/0001). It goes in front of sys.path so that a foreign package called `adapters` or `entrypoints`
in site-packages is never picked up in our place.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def application_root() -> str:
    """The folder whose subfolders are our top-level packages."""
    here = os.path.dirname(os.path.abspath(__file__))
    return here if os.path.isdir(os.path.join(here, "domain")) else os.path.dirname(here)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `mlxk` with these arguments (default: the process's own); returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    root = application_root()
    if not sys.path or sys.path[0] != root:
        sys.path.insert(0, root)
    if arguments == ["--version"]:
        return print_version()
    if arguments[:1] == ["worker"]:
        from entrypoints.worker.main import main as worker_main

        return worker_main(arguments[1:])
    import gc

    gc.disable()  # imports make no garbage; the command itself switches it on again
    from entrypoints.cli.main import main as cli_main

    return cli_main(arguments)


def run_main() -> int:
    """`mlx-run ...` is `mlxk run ...`."""
    return main(["run", *sys.argv[1:]])


def print_version() -> int:
    """`<program> <version>` on stdout."""
    from mlxk import __version__

    name = sys.argv[0].replace("\\", "/").rpartition("/")[2]
    sys.stdout.write(f"{name if name and not name.endswith('.py') else 'mlxk'} {__version__}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
