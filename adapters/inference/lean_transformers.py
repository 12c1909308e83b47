"""transformers, imported with one quick look at its own sources in place of two slow ones.

On its way in it reads all files of its folder of models, over 1,600 of them, to learn which module defines which name:
once for itself and once more for that folder. It remembers what it has read, but asks by two names for the same folder.
In each file it looks at every line for the last one that begins with `__all__`, which is mostly the file's end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE = "transformers.utils.import_utils"
READER, FETCHER = "create_import_structure_from_path", "fetch__all__"
NAMES = "__all__"


@contextmanager
def folders_read_once() -> Iterator[None]:
    """For the time in which transformers is imported. A transformers that does this otherwise is left as it is."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder:
    """Finds the one module that reads folders, where Python finds it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads as the other would, and then puts the quick functions in."""

    def __init__(self, other: Loader) -> None:
        self._other = other

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._other.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._other
        module.__loader__ = self._other
        self._other.exec_module(module)
        for name, improve in ((READER, _by_one_name), (FETCHER, _from_the_end)):
            function = getattr(module, name, None)
            if function is not None:
                setattr(module, name, improve(function))


def _by_one_name(reader: Callable[[str], Any]) -> Callable[[str | Path], Any]:
    """The same function, which remembers by its argument, for a folder or the `__init__.py` in it."""

    def read(module_path: str | Path) -> Any:
        path = str(module_path)
        return reader(path.removesuffix("/__init__.py"))

    return read


def _from_the_end(fetch: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same function, which is given only what it looks for where that is easily told."""

    def fetch_all(file_content: str) -> Any:
        at = file_content.rfind(NAMES)
        return fetch(file_content[at:] if at > 0 and file_content[at - 1] == "\n" else file_content)

    return fetch_all
