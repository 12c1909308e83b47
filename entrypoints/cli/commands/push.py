"""`mlxk push LOCAL_DIR REPO_ID`."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.cli.presenters.work_progress import work_progress_for
from entrypoints.cli.presenters.workspace_json import push_object
from entrypoints.cli.presenters.workspace_view import push_lines
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    local_dir: str
    repo_id: str
    private: bool = False
    public: bool = False
    create: bool = False
    branch: str | None = None
    commit: str | None = None
    check_only: bool = False
    dry_run: bool = False
    complete_card: bool = False
    verbose: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Publish a workspace; say who may see it."""
    from application.workspace.push_workspace import MAIN, PushRequest, require_privacy_choice

    request = PushRequest(
        local_dir=arguments.local_dir,
        repo_id=arguments.repo_id,
        private=require_privacy_choice(private=arguments.private, public=arguments.public),
        create=arguments.create,
        branch=arguments.branch or MAIN,
        message=arguments.commit or "mlxk push",
        check_only=arguments.check_only,
        dry_run=arguments.dry_run,
        complete_card=arguments.complete_card,
    )
    outcome = context.services().push_workspace().execute(request, work_progress_for(context.console, quiet=False))

    def show() -> None:
        for line in push_lines(outcome, verbose=arguments.verbose):
            context.console.line(line)

    return Outcome(data=lambda: push_object(outcome), show=show)
