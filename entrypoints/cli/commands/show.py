"""`mlxk show MODEL`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain.errors import UsageError
from entrypoints.cli.presenters.hub_json import remote_detail_object
from entrypoints.cli.presenters.model_json import detail_object
from entrypoints.cli.services import Context, Outcome

if TYPE_CHECKING:
    from application.catalog.show_model import ModelDetail


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    files: bool = False
    config: bool = False
    recalc_hash: bool = False
    deep: bool = False
    remote: bool = False
    hub: str | None = None
    verbose: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """All that is known of one model; --files wins over --config."""
    if arguments.remote:
        return _remote(context, arguments)
    if arguments.hub is not None:
        raise UsageError("--hub asks a hub, `show` looks here", hint="add --remote")
    if arguments.recalc_hash or arguments.deep:
        return _hashed(context, arguments)
    return _shown(context, arguments, context.services().show_model().execute(arguments.model))


def _hashed(context: Context, arguments: Arguments) -> Outcome:
    """The model, and what became of its content hash."""
    services = context.services()
    folder = services.resolve_model().execute(arguments.model).path
    use_case = services.recalculate_hash()
    extra: dict[str, object] = {}
    if arguments.recalc_hash:
        use_case.execute(folder, deep=arguments.deep)
        extra["hash_updated"] = True
    if arguments.deep:
        deep = use_case.deep_hash(folder)
        extra |= {"deep_hash": deep.value, "deep_clean": deep.clean}
    outcome = _shown(context, arguments, services.show_model().execute(arguments.model))
    plain = outcome.data or dict

    def show() -> None:
        outcome.show()
        for name, value in extra.items():
            context.console.line(f"  {name.replace('_', ' ')}: {value}")

    return replace(outcome, data=lambda: {**plain(), **extra}, show=show)


def _remote(context: Context, arguments: Arguments) -> Outcome:
    """The same of a model on a hub."""
    found = context.services().show_remote().execute(arguments.model, arguments.hub)
    outcome = _shown(context, arguments, found.detail, source="the hub")
    files, config = arguments.files, arguments.config
    return replace(outcome, data=lambda: remote_detail_object(found, files=files, config=config))


def _shown(context: Context, arguments: Arguments, detail: ModelDetail, source: str = "") -> Outcome:
    def show() -> None:
        from entrypoints.cli.presenters import show_view

        if arguments.files:
            show_view.show_files(detail, context.console)
        elif arguments.config:
            show_view.show_config(detail, context.console)
        else:
            show_view.show_facts(detail, context.console, context.now(), source)
            if arguments.verbose:
                show_view.show_evidence(detail.report, context.console)

    return Outcome(data=lambda: detail_object(detail, files=arguments.files, config=arguments.config), show=show)
