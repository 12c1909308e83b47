"""`mlxk bench MODEL`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from domain.bench.plan import DEFAULT_ANSWER, DEFAULT_BATCHES, DEFAULT_PROMPTS, DEFAULT_RUNS, BenchmarkPlan
from domain.bench.report import BenchmarkReport, Comparison, compare
from domain.errors import InvalidRequest, UsageError
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.services import Context, Outcome
from entrypoints.cli.user_files import read_text, require_place, write_whole

if TYPE_CHECKING:
    from application.bench.run_benchmark import OnProgress, Progress

MOST_REPORT_BYTES = 16 * 2**20
MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    prompt_tokens: str | None = None
    batch: str | None = None
    answer_tokens: int | None = None
    runs: int | None = None
    save: str | None = None
    compare: str | None = None
    plot: str | None = None
    force: bool = False

    def plan(self) -> BenchmarkPlan:
        """Raises UsageError, InvalidRequest."""
        return BenchmarkPlan(
            prompts=DEFAULT_PROMPTS if self.prompt_tokens is None else _numbers("--prompt-tokens", self.prompt_tokens),
            batches=DEFAULT_BATCHES if self.batch is None else _numbers("--batch", self.batch),
            answer=DEFAULT_ANSWER if self.answer_tokens is None else self.answer_tokens,
            runs=DEFAULT_RUNS if self.runs is None else self.runs,
        )


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Measure; everything that could be wrong with the arguments is found before."""
    plan = arguments.plan()
    earlier = None if arguments.compare is None else _read_report(Path(arguments.compare))
    services = context.services()
    for target in (arguments.save, arguments.plot):
        if target is not None:
            require_place(Path(target))
    if arguments.plot is not None:
        services.chart().require()
    try:
        report = services.run_benchmark().execute(
            arguments.model,
            plan,
            chosen=arguments.prompt_tokens is not None,
            loading=LoadWishes(force=arguments.force),
            progress=_teller(context),
        )
    finally:
        services.model_pool().close()
    if arguments.save is not None:
        write_whole(Path(arguments.save), json.dumps(report.to_json(), indent=2) + "\n")
    if arguments.plot is not None:
        services.chart().draw(report, Path(arguments.plot))
    compared = None if earlier is None else compare(report, earlier)
    return Outcome(data=lambda: _data(report, compared), show=lambda: _show(context, report, compared))


def _data(report: BenchmarkReport, compared: tuple[Comparison, ...] | None) -> dict[str, object]:
    from entrypoints.cli.presenters.bench_view import comparison_object

    ratios = None if compared is None else [comparison_object(each) for each in compared]
    return {**report.to_json(), "comparison": ratios}


def _show(context: Context, report: BenchmarkReport, compared: tuple[Comparison, ...] | None) -> None:
    from entrypoints.cli.presenters.bench_view import bench_table, comparison_table
    from entrypoints.cli.presenters.table import show_table

    show_table(bench_table(report), context.console)
    if compared is not None:
        context.console.line()
        if compared:
            show_table(comparison_table(compared), context.console)
        else:
            context.console.note("The earlier report has none of these lengths and batches: nothing to compare.")


def _teller(context: Context) -> OnProgress:
    """What is measured now, for a person who waits."""
    console = context.console

    def tell(progress: Progress) -> None:
        if progress.cell is not None and console.errors_are_terminal:
            cell = progress.cell
            console.note(f"[{progress.done + 1}/{progress.total}] prompt {cell.prompt_tokens:,}, batch {cell.batch}")

    return tell


def _numbers(flag: str, text: str) -> tuple[int, ...]:
    """`1,4,8`. Raises UsageError."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS for word in words):
        raise UsageError(
            f"{flag} needs whole numbers with commas between, got {text!r}", hint=f"for example {flag} 1,8"
        )
    return tuple(map(int, words))


def _read_report(path: Path) -> BenchmarkReport:
    text = read_text(path, MOST_REPORT_BYTES)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise InvalidRequest(f"{path} is no report of `mlxk bench --save`: {fault}") from fault
    return BenchmarkReport.from_json(body, str(path))
