"""A workspace to a hub: look, compare by content, say, send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from application.catalog.resolve_model import ResolveModel
from application.catalog.stores import ModelStores
from domain.catalog.capability import Capability, probe
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import ModelManifest
from domain.catalog.model_ref import ModelRef, is_path
from domain.errors import (
    AmbiguousModel,
    InvalidRequest,
    ModelNotFound,
    ModelUnhealthy,
    PushFailed,
    RepoNotFound,
    TokenMissing,
    WorkspaceNotFound,
)
from domain.hub.remote_model import RemoteFile
from domain.workspace.patch import FileChange
from domain.workspace.places import WorkspacePlaces
from domain.workspace.progress import OnWork, Stage, WorkProgress, unheard
from domain.workspace.push import (
    ChangeSet,
    LocalFile,
    WorkspaceHealth,
    card_additions,
    compare_with_hub,
    workspace_health,
)
from ports.model_card import ModelCard
from ports.publisher import BranchMissing, Commit, CommitRequest, Publisher, RemoteRepo
from ports.push_files import PushFiles
from ports.staging import Staging
from ports.workspace_files import WorkspaceFiles
from ports.workspace_locks import WorkspaceLocks

MAIN = "main"
README = "README.md"
NO_CHANGES = "no changes"


@dataclass(frozen=True, slots=True)
class PushRequest:
    """private: False is --public. complete_card: add what the model card lacks, in the workspace, before the push."""

    local_dir: str
    repo_id: str
    private: bool
    create: bool = False
    branch: str = MAIN
    message: str = "mlxk push"
    check_only: bool = False
    dry_run: bool = False
    complete_card: bool = False


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """commit: None on a no-op, a dry run and a check. changes: None when only the workspace was checked. card: what the
    model card lacks, as a change of README.md that was offered or made.
    """

    request: PushRequest
    message: str
    repo_url: str | None
    health: WorkspaceHealth
    local_files: int
    changes: ChangeSet | None = None
    commit: Commit | None = None
    created_repo: bool = False
    would_create_repo: bool = False
    would_create_branch: bool = False
    card: FileChange | None = None
    warnings: tuple[str, ...] = ()
    hf_logs: tuple[str, ...] = field(default=())

    @property
    def no_changes(self) -> bool:
        return self.changes is not None and self.changes.empty


@dataclass(frozen=True, slots=True)
class PushTools:
    """publisher: opened when the hub is first needed. authorized: whether there is a token."""

    resolve: ResolveModel
    stores: ModelStores
    files: WorkspaceFiles
    push_files: PushFiles
    locks: WorkspaceLocks
    staging: Staging
    card: ModelCard
    places: WorkspacePlaces
    publisher: Callable[[], Publisher]
    authorized: bool


class PushWorkspace:
    """Only reads the workspace, unless its card is to be completed; never a cache. Nothing of a model leaves this
    machine before the hub has said that the repository is as private as it is meant to be.
    """

    def __init__(self, tools: PushTools) -> None:
        self._tools = tools

    def execute(self, request: PushRequest, work: OnWork = unheard) -> PushOutcome:
        """Raises InvalidRequest, WorkspaceNotFound, AmbiguousModel, TokenMissing, RepoNotFound, PushFailed (the
        repository is not private), UploadFailed, DependencyMissing, ModelUnhealthy, Conflict, AccessDenied.
        """
        tools = self._tools
        ModelRef(request.repo_id).require_hub_name()
        if "/" not in request.repo_id:
            raise InvalidRequest(f"{request.repo_id!r} names no owner", hint="name it org/name", param="repo_id")
        location = self._workspace(request.local_dir)
        with tools.locks.shared(location.path):
            manifest = tools.stores.workspaces.read(location)
            card = self._card(location, manifest)
            if card is not None and request.complete_card and not (request.check_only or request.dry_run):
                tools.files.write(location.path, card.path, card.after)
            files = tools.push_files.of(location.path)
            health = workspace_health(manifest, files, tools.push_files.with_tokens(location.path, files))
            base = PushOutcome(request, "", None, health, len(files), card=card)
            if request.check_only:
                return replace(base, message="checked; nothing was sent")
            if not tools.authorized:
                raise TokenMissing("a push needs to know who you are: HF_TOKEN is not set", hint="set HF_TOKEN")
            tokens = [each.path or "" for each in health.anomalies if each.code == "token_found"]
            if tokens:
                raise ModelUnhealthy(
                    f"{', '.join(tokens)} holds what looks like a hub token: nothing was sent",
                    hint="remove the token, or name the file in .hfignore",
                )
            return _Push(tools.publisher(), tools.push_files, location, files, request).run(base, work)

    def _workspace(self, text: str) -> LocatedModel:
        tools = self._tools
        location = self._located(text)
        real = tools.staging.real(location.path)
        tools.places.require_outside_caches(real, "source")
        return replace(location, path=real)

    def _located(self, text: str) -> LocatedModel:
        """An existing folder as it is; else a path that begins like exactly one workspace, or a workspace's name."""
        stores, places = self._tools.stores, self._tools.places
        for folder in (replace(places, home=None).path_of(text), places.path_of(text)):
            if self._tools.staging.is_folder(folder):
                return LocatedModel(folder.name, folder, ModelSource.WORKSPACE)
        found = stores.workspaces.locate_pattern(text) if is_path(text) else ()
        if len(found) > 1:
            names = [each.name for each in found]
            raise AmbiguousModel(f"{text!r} can mean {len(names)} workspaces", hint="name one in full", matches=names)
        if found:
            return found[0]
        try:
            named = None if is_path(text) else self._tools.resolve.execute(text)
        except ModelNotFound:
            named = None
        if named is not None and named.source is ModelSource.WORKSPACE:
            return named
        hint = "name a folder that holds a model"
        if named is not None:
            hint = f"{named.name} is no workspace: make one with mlxk clone {named.name}"
        raise WorkspaceNotFound(f"there is no workspace {text!r}", hint=hint, param="local_dir")

    def _card(self, location: LocatedModel, manifest: ModelManifest) -> FileChange | None:
        profile = probe(location, manifest)
        sentinel = self._tools.files.sentinel(location.path)
        content = self._tools.files.read(location.path, README)
        readme = (content or b"").decode("utf-8", "replace")
        sees, hears = Capability.VISION in profile.capabilities, profile.label.value == "audio"
        pipeline = "image-text-to-text" if sees else "automatic-speech-recognition" if hears else "text-generation"
        if Capability.EMBEDDINGS in profile.capabilities:
            pipeline = "feature-extraction"
        additions = card_additions(
            self._tools.card.front_matter(readme),
            chats=Capability.CHAT in profile.capabilities,
            pipeline=pipeline,
            origin=sentinel.source_repo if sentinel else None,
        )
        if not additions:
            return None
        return FileChange(README, content, self._tools.card.completed(readme, additions).encode())


@dataclass
class _Push:
    """One push of one state of a workspace."""

    hub: Publisher
    disk: PushFiles
    location: LocatedModel
    files: tuple[LocalFile, ...]
    request: PushRequest

    def run(self, base: PushOutcome, work: OnWork) -> PushOutcome:
        request, hub = self.request, self.hub
        repo = hub.repo(request.repo_id)
        base = replace(base, repo_url=hub.url(request.repo_id))
        if repo is None and not (request.create or request.dry_run):
            raise RepoNotFound(
                f"{request.repo_id} is not on the hub, or this token may not see it",
                hint="--create makes it",
                param="repo_id",
            )
        if repo is not None:
            base = replace(base, warnings=self._privacy(repo))
        changes = self._changes(repo)
        missing_branch = request.branch not in (repo.branches if repo else {MAIN: ""})
        base = replace(base, changes=changes, would_create_repo=repo is None, would_create_branch=missing_branch)
        if request.dry_run:
            return replace(base, message=f"dry run: {_counted(changes)}; nothing was sent")
        if changes.empty and repo is not None:
            return replace(base, message=NO_CHANGES)
        if repo is None:
            repo = self._created()
            base = replace(base, created_repo=True)
        work(WorkProgress(Stage.UPLOADING, total_bytes=sum(file.size_bytes for file in self.files)))
        commit = self._commit(repo, changes)
        return replace(base, message=f"pushed {_counted(changes)}", commit=commit, hf_logs=tuple(self.hub.logs()))

    def _created(self) -> RemoteRepo:
        """The fresh repository, as the hub has it: what it was asked for is not taken for granted."""
        self.hub.create_repo(self.request.repo_id, private=self.request.private)
        repo = self.hub.repo(self.request.repo_id)
        if repo is None:
            raise PushFailed(f"{self.request.repo_id} was made, but the hub does not show it", hint="try again")
        self._privacy(repo)
        return repo

    def _privacy(self, repo: RemoteRepo) -> tuple[str, ...]:
        if self.request.private and not repo.private:
            raise PushFailed(
                f"{self.request.repo_id} is public on the hub, but the push is meant to be private: nothing was sent",
                hint="make the repository private on the hub, or push with --public",
                param="repo_id",
            )
        return (f"{self.request.repo_id} is private and stays so",) if repo.private and not self.request.private else ()

    def _changes(self, repo: RemoteRepo | None) -> ChangeSet:
        return compare_with_hub(
            self.files, self._remote(repo), lambda file, remote: self.disk.same(self.location.path, file, remote)
        )

    def _remote(self, repo: RemoteRepo | None) -> tuple[RemoteFile, ...]:
        """What the branch holds; a new branch begins as a copy of main."""
        if repo is None:
            return ()
        for branch in (self.request.branch, MAIN):
            if branch in repo.branches:
                return self.hub.files(self.request.repo_id, branch)
        return ()

    def _commit(self, repo: RemoteRepo, changes: ChangeSet) -> Commit:
        request, hub = self.request, self.hub
        sent = {path: Path(self.location.path, path) for path in (*changes.added, *changes.modified)}
        if request.branch not in repo.branches and request.create:
            hub.create_branch(request.repo_id, request.branch)
        change = CommitRequest(sent, changes.deleted, request.message, repo.branches.get(request.branch))
        try:
            return hub.commit(request.repo_id, request.branch, change)
        except BranchMissing:
            hub.create_branch(request.repo_id, request.branch)
        try:
            return hub.commit(request.repo_id, request.branch, replace(change, parent=None))
        except BranchMissing as fault:
            raise PushFailed(
                f"{request.repo_id} has no branch {request.branch!r}, and it could not be made",
                hint="make the branch on the hub",
                param="branch",
            ) from fault


def _counted(changes: ChangeSet) -> str:
    return f"+{len(changes.added)} ~{len(changes.modified)} -{len(changes.deleted)}"


def require_privacy_choice(*, private: bool, public: bool) -> bool:
    """Whether the push is private. Raises InvalidRequest unless exactly one of both was said."""
    if private == public:
        raise InvalidRequest(
            "say who may see the model: --private or --public", hint="--private is the careful choice", param="private"
        )
    return private
