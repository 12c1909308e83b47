"""`mlxk show MODEL`."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.cli.presenters.model_json import detail_object
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    files: bool = False
    config: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """All that is known of one model; --files wins over --config."""
    detail = context.services().show_model().execute(arguments.model)

    def show() -> None:
        from entrypoints.cli.presenters import show_view

        if arguments.files:
            show_view.show_files(detail, context.console)
        elif arguments.config:
            show_view.show_config(detail, context.console)
        else:
            show_view.show_facts(detail, context.console, context.now())

    return Outcome(data=lambda: detail_object(detail, files=arguments.files, config=arguments.config), show=show)
