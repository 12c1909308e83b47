"""Where a workspace may lie: anywhere but inside a cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from domain.catalog.model_ref import CACHE_PREFIX, is_path, short_name
from domain.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class WorkspacePlaces:
    """home: the workspace home, None without one. current: the working folder; user_home: what `~` means. caches: the
    hub caches of this user. All absolute.
    """

    home: PurePath | None
    current: PurePath
    user_home: PurePath
    caches: tuple[PurePath, ...] = ()

    def path_of(self, text: str) -> PurePath:
        """A folder as somebody typed it: a bare name lies in the workspace home when there is one."""
        if not text or "\0" in text:
            raise InvalidRequest("a folder's name is empty or holds a NUL", hint="name a folder", param="target")
        if text == "~" or text.startswith("~/"):
            return self.user_home / text[2:]
        if not is_path(text) and "/" not in text and self.home is not None:
            return self.home / text
        return self.current / text

    def clone_target(self, name: str, target: str | None) -> PurePath:
        """Where a clone of the model `name` goes. Raises InvalidRequest when nothing says where."""
        if target is not None:
            return self.path_of(target)
        if self.home is None:
            raise InvalidRequest(
                f"where shall the clone of {name} go? There is no target and no workspace home",
                hint="name a target folder, or set MLXK_WORKSPACE_HOME",
                param="target",
            )
        return self.home / short_name(name)

    def require_outside_caches(self, folder: PurePath, what: str) -> None:
        """folder: links resolved. what: "target" or "source". Raises InvalidRequest."""
        inside = any(folder == cache or cache in folder.parents for cache in self.caches)
        if inside or any(part.startswith(CACHE_PREFIX) for part in folder.parts):
            raise InvalidRequest(
                f"{folder} lies inside a model cache; a cache is never the {what} of this command",
                hint="use a folder of your own: `mlxk clone` makes one from a cached model",
                param=what,
            )
