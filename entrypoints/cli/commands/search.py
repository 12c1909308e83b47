"""`mlxk search WORDS...`."""

from __future__ import annotations

from dataclasses import dataclass

from domain.hub.search import SearchQuery
from entrypoints.cli.presenters.hub_json import search_object
from entrypoints.cli.services import Context, Outcome

DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    words: tuple[str, ...]
    limit: int | None = None
    all: bool = False
    hub: str | None = None


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Models on the hub, with what mlxk makes of them."""
    limit = DEFAULT_LIMIT if arguments.limit is None else arguments.limit
    query = SearchQuery(" ".join(arguments.words), limit, mlx_only=not arguments.all)
    hits = context.services().search_hub().execute(query, arguments.hub)

    def show() -> None:
        from entrypoints.cli.presenters.hub_view import search_table
        from entrypoints.cli.presenters.table import show_table

        if hits:
            show_table(search_table(hits), context.console)
        else:
            context.console.note("No model matches." + ("" if arguments.all else " (--all looks beyond MLX)"))

    return Outcome(data=lambda: search_object(hits), show=show)
