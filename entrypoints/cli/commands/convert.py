"""`mlxk convert SOURCE TARGET`."""

from __future__ import annotations

from dataclasses import dataclass

from domain.workspace.conversion import ConversionWish
from entrypoints.cli.presenters.work_progress import work_progress_for
from entrypoints.cli.presenters.workspace_json import convert_object
from entrypoints.cli.presenters.workspace_view import convert_lines, forecast_line
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    source: str
    target: str
    quantize: int | None = None
    q_group_size: int | None = None
    q_mode: str | None = None
    q_recipe: str | None = None
    dequantize: bool = False
    dtype: str | None = None
    repair_index: bool = False
    skip_health: bool = False

    def wish(self) -> ConversionWish:
        return ConversionWish(
            repair_index=self.repair_index,
            bits=self.quantize,
            group_size=self.q_group_size,
            q_mode=self.q_mode,
            recipe=self.q_recipe,
            dequantize=self.dequantize,
            dtype=self.dtype,
        )


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Say what it will take, then do it."""
    from application.workspace.convert_model import ConversionRequest

    use_case = context.services().convert_model()
    request = ConversionRequest(arguments.source, arguments.target, arguments.wish(), arguments.skip_health)
    preview = use_case.preview(request)
    context.console.note(forecast_line(preview))
    for warning in preview.warnings:
        context.console.note(f"Warning: {warning}")
    outcome = use_case.execute(request, work_progress_for(context.console, quiet=False))

    def show() -> None:
        for line in convert_lines(outcome):
            context.console.line(line)

    return Outcome(data=lambda: convert_object(outcome), show=show)
