"""Worker processes: how they start, how they end, and what the front makes of bad ones."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from adapters.worker_process.process import SECRETS, worker_environment
from adapters.worker_process.worker import ProcessWorker
from domain.catalog import LocatedModel, ModelSource
from domain.errors import EngineDied, MlxkError, ModelLoadFailed
from domain.inference import (
    DefaultLength,
    Finished,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
)
from domain.serving.load_options import LoadOptions
from domain.serving.vitals import EngineVitals
from domain.serving.worker_death import DeathCause
from tests.support.eventually import eventually
from tests.support.impostor import impostor
from tests.support.tiny_llama import TinyLlama

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = LocatedModel("org/nowhere", PurePath("/nowhere"), ModelSource.CACHE)
LONG = 4000

Launch = Callable[..., ProcessWorkerLauncher]


@pytest.fixture
def launcher() -> Iterator[Launch]:
    made: list[ProcessWorkerLauncher] = []

    def make(code: str | None = None, *, keep_spare: bool = False, **environ: str) -> ProcessWorkerLauncher:
        command = None if code is None else impostor(code)
        made.append(ProcessWorkerLauncher(os.environ | environ, keep_spare=keep_spare, command=command))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LocatedModel:
    folder = TinyLlama(context_length=LONG + 96).build(tmp_path_factory.mktemp("launcher") / "tiny")
    return LocatedModel("org/tiny", folder, ModelSource.WORKSPACE)


def asking(max_tokens: int = 8) -> GenerationRequest:
    limits = TokenLimits(DefaultLength.FULL_CONTEXT, max_tokens)
    return GenerationRequest((Message(Role.USER, "hello"),), limits, SamplingRequest(temperature=0.0))


def gone(process_id: int) -> bool:
    """Ended and waited for: not even a zombie."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


# The real worker


def test_the_spare_becomes_the_next_worker_and_leaves_no_zombie(launcher: Launch, tiny: LocatedModel) -> None:
    launching = launcher(keep_spare=True)
    first = launching.launch(tiny, LoadOptions())
    spare = launching.spare_process_id
    assert spare is not None
    assert spare != first.process_id
    os.kill(first.process_id, signal.SIGKILL)
    eventually(lambda: gone(first.process_id), "the killed worker to be waited for")
    second = launching.launch(tiny, LoadOptions())
    assert second.process_id == second.loaded.process_id == spare
    assert isinstance(list(second.generate(asking()))[-1], Finished)
    third = launching.spare_process_id
    assert third not in (None, spare)
    second.close()
    launching.close()
    assert all(gone(process_id) for process_id in (spare, third) if process_id is not None)


def test_a_worker_ignores_ctrl_c_and_finishes_what_it_was_asked_on_sigterm(
    launcher: Launch, tiny: LocatedModel
) -> None:
    worker = launcher().launch(tiny, LoadOptions())
    stream = worker.generate(asking(max_tokens=300))
    events = [next(stream)]
    os.kill(worker.process_id, signal.SIGINT)
    os.kill(worker.process_id, signal.SIGTERM)
    events += list(stream)
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.usage.completion_tokens == 300
    eventually(lambda: not worker.alive, "the worker to end")
    with pytest.raises(EngineDied, match="exit code 0"):
        worker.generate(asking())
    worker.close()


def test_a_worker_ends_when_its_front_is_killed(tiny: LocatedModel) -> None:
    front = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from adapters.worker_process.launcher import ProcessWorkerLauncher
from domain.catalog import LocatedModel, ModelSource
from domain.inference import *
from domain.serving.load_options import LoadOptions
launcher = ProcessWorkerLauncher(os.environ, keep_spare=True)
worker = launcher.launch(LocatedModel("org/tiny", Path({str(tiny.path)!r}), ModelSource.WORKSPACE), LoadOptions())
limits = TokenLimits(DefaultLength.FULL_CONTEXT, {LONG})
stream = worker.generate(GenerationRequest((Message(Role.USER, "hello"),), limits))
next(stream)
print(worker.process_id, launcher.spare_process_id, flush=True)
for event in stream:
    pass
"""
    with subprocess.Popen([sys.executable, "-c", front], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker, spare = (int(word) for word in process.stdout.readline().split())
        process.kill()
    for process_id in (worker, spare):
        eventually(lambda process_id=process_id: gone(process_id) or is_zombie(process_id), "the worker to end")  # type: ignore[misc]


def is_zombie(process_id: int) -> bool:
    """An orphan that has ended waits for whoever inherited it, which is not us."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return status.stdout.strip().startswith("Z")


def test_what_libraries_print_does_not_reach_our_output(tiny: LocatedModel, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('chatter'); import os; os.system('echo more chatter')")
    front = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from adapters.worker_process.launcher import ProcessWorkerLauncher
from domain.catalog import LocatedModel, ModelSource
from domain.serving.load_options import LoadOptions
launcher = ProcessWorkerLauncher(os.environ | {{"PYTHONPATH": {str(tmp_path)!r}}}, keep_spare=False)
launcher.launch(LocatedModel("org/tiny", Path({str(tiny.path)!r}), ModelSource.WORKSPACE), LoadOptions()).close()
"""
    done = subprocess.run([sys.executable, "-c", front], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    assert "chatter\nmore chatter\n" in done.stderr


def test_a_worker_started_by_hand_says_what_is_wrong() -> None:
    command = [sys.executable, "-P", str(ROOT / "mlxk" / "__main__.py"), "worker", "--fd", "0"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "--fd 0 is no socket" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_made_ready_is_the_next_worker_and_no_other_follows(launcher: Launch, tiny: LocatedModel) -> None:
    launching = launcher()
    launching.prepare()
    ready = launching.spare_process_id
    launching.prepare()
    assert launching.spare_process_id == ready is not None
    worker = launching.launch(tiny, LoadOptions())
    assert worker.process_id == ready
    assert launching.spare_process_id is None
    worker.close()


def test_a_process_made_ready_in_vain_is_killed_and_waited_for(launcher: Launch) -> None:
    launching = launcher("while True: time.sleep(9)")
    launching.prepare()
    ready = launching.spare_process_id
    assert ready is not None
    launching.close()
    assert gone(ready)
    launching.prepare()
    assert launching.spare_process_id is None, "once closed, none comes"


# What the front makes of bad children


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sys.exit(3)", "ended with exit code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("start(protocol=99); hear(); hear()", "protocol 99, this process speaks 4"),
        ("line.sendall(b'GET / HTTP/1.1' * 9); hear(); hear()", "announced a frame of 1,195,725,856 bytes"),
        ("start(); say([1]); hear(); hear()", "a JSON list, not an object"),
        ("start(); say({'kind': 'dance'}); hear(); hear()", "unknown kind 'dance'"),
        ("start(); hear(); line.close(); stream.close()", "ended with exit code 0"),
    ],
)
def test_a_child_that_fails_before_it_has_loaded_is_an_error_with_the_reason(
    launcher: Launch, code: str, words: str
) -> None:
    with pytest.raises(EngineDied, match="org/nowhere") as death:
        launcher(code).launch(NOWHERE, LoadOptions())
    assert words in death.value.message
    assert death.value.retryable


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os._exit(9)", "ended with exit code 9"),
        ("os.kill(os.getpid(), signal.SIGABRT)", "was killed by SIGABRT"),
        ("line.sendall(b'\\0\\0\\0\\2[]'); hear()", "a JSON list, not an object"),
        ("say({'kind': 'events', 'events': [[1, 'song']]}); hear()", "malformed reply"),
    ],
)
def test_a_child_that_fails_later_ends_its_streams_after_what_they_had(launcher: Launch, code: str, words: str) -> None:
    worker = launcher(f"load(); r = hear(); say({{'kind': 'events', 'events': [text(1, 'so')]}}); {code}").launch(
        NOWHERE, LoadOptions()
    )
    stream = worker.generate(asking())
    assert next(stream) == TextDelta("so")
    with pytest.raises(EngineDied) as death:
        next(stream)
    assert words in death.value.message
    assert not worker.alive
    assert gone(worker.process_id)
    with pytest.raises(EngineDied) as death:
        worker.generate(asking())
    assert words in death.value.message


@pytest.mark.parametrize(
    ("code", "cause", "hint"),
    [
        ("os.kill(os.getpid(), signal.SIGABRT)", DeathCause.ABORTED, "Metal"),
        ("os.kill(os.getpid(), signal.SIGKILL)", DeathCause.KILLED, "out of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", DeathCause.CRASHED, "ask again"),
        ("os._exit(71)", DeathCause.MEMORY, "free some memory"),
        ("os._exit(70)", DeathCause.EXITED, "ask again"),
        ("say({'kind': 'dance'}); hear()", DeathCause.GARBLED, "ask again"),
    ],
)
def test_how_a_child_died_is_known_and_hinted_at(launcher: Launch, code: str, cause: DeathCause, hint: str) -> None:
    worker = launcher(f"load(); hear(); {code}").launch(NOWHERE, LoadOptions())
    with pytest.raises(EngineDied) as death:
        next(worker.generate(asking()))
    assert hint in (death.value.hint or "")
    assert worker.death is cause
    worker.close()
    assert worker.death is cause, "closing what is dead is no other end"


def test_a_child_that_takes_nothing_off_its_line_holds_up_nobody_who_asks_how_it_is(launcher: Launch) -> None:
    worker = launcher("load()\nwhile True: time.sleep(9)").launch(NOWHERE, LoadOptions())
    big = GenerationRequest((Message(Role.USER, "x" * 4_000_000),), TokenLimits(DefaultLength.FULL_CONTEXT, 1))
    failures: list[EngineDied] = []

    def ask() -> None:
        try:
            next(worker.generate(big))
        except EngineDied as death:
            failures.append(death)

    stuck = threading.Thread(target=ask)
    stuck.start()
    eventually(worker._child.frames._sending.locked, "the request to fill the line")
    told: list[EngineVitals] = []
    worker.ask_vitals(told.append)
    assert not told
    worker.kill("takes nothing")
    stuck.join(20)
    assert [death.message for death in failures] == [
        f"the engine process of org/nowhere (process {worker.process_id}) was ended because it takes nothing"
    ]


def test_who_asked_last_how_it_is_hears_also_what_is_told_unasked(launcher: Launch) -> None:
    vitals = {"pulse": {}, "totals": {}, "preparing": 0, "preparing_seconds": 0}
    tell = f"say({{'kind': 'vitals', 'vitals': {{**{vitals}, 'step_seconds': number}}}})"
    code = f"load(); hear()\nfor number in (1, 90): {tell}\nhear()"
    worker = launcher(code).launch(NOWHERE, LoadOptions())
    told: list[EngineVitals] = []
    worker.ask_vitals(told.append)
    eventually(lambda: [each.step_seconds for each in told] == [1, 90], "both")


def test_a_stopped_child_is_ended_all_the_same(launcher: Launch, tiny: LocatedModel) -> None:
    worker = launcher().launch(tiny, LoadOptions())
    stream = worker.generate(asking(LONG))
    next(stream)
    os.kill(worker.process_id, signal.SIGSTOP)
    worker.kill("has stopped")
    with pytest.raises(EngineDied, match="has stopped"):
        list(stream)
    eventually(lambda: gone(worker.process_id), "the process to be waited for")


def test_a_child_that_will_not_end_is_killed(launcher: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.worker_process.process.GRACE_SECONDS", 0.1)
    worker = launcher("signal.signal(signal.SIGTERM, signal.SIG_IGN); load()\nwhile True: time.sleep(9)").launch(
        NOWHERE, LoadOptions()
    )
    stream = worker.generate(asking())
    worker.close()
    assert gone(worker.process_id)
    with pytest.raises(EngineDied, match="was closed"):
        next(stream)


def test_closing_the_launcher_ends_a_load_that_never_ends(launcher: Launch) -> None:
    launching = launcher("start(); hear(); hear()")
    failures: list[MlxkError] = []

    def launch() -> None:
        try:
            launching.launch(NOWHERE, LoadOptions())
        except MlxkError as failure:
            failures.append(failure)

    thread = threading.Thread(target=launch)
    thread.start()
    eventually(lambda: bool(launching._loading), "the load to begin")
    launching.close()
    thread.join(timeout=20)
    assert [type(failure) for failure in failures] == [EngineDied]


def test_an_interrupted_launch_ends_its_process(launcher: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def interrupted(worker: object, model: LocatedModel, options: LoadOptions) -> None:
        seen.append(worker.process_id)  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr("adapters.worker_process.worker.ProcessWorker.load", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launcher("start(); hear(); hear()").launch(NOWHERE, LoadOptions())
    assert gone(seen[0])


def test_a_spare_that_died_is_replaced_without_a_word(launcher: Launch) -> None:
    launching = launcher("load(); hear()", keep_spare=True)
    launching.launch(NOWHERE, LoadOptions()).close()
    spare = launching.spare_process_id
    assert spare is not None
    os.kill(spare, signal.SIGKILL)
    eventually(lambda: gone(spare), "the spare to be waited for")
    worker = launching.launch(NOWHERE, LoadOptions())
    assert worker.process_id != spare
    worker.close()


def test_a_system_that_starts_no_process_is_a_failed_load() -> None:
    launching = ProcessWorkerLauncher({}, keep_spare=True, command=("/nowhere/python",))
    with pytest.raises(ModelLoadFailed, match=r"no engine process can be started.*/nowhere/python"):
        launching.launch(NOWHERE, LoadOptions())
    launching.close()


def test_a_spare_that_cannot_be_started_is_no_fault_of_the_model(
    launcher: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    launching = launcher("load(); hear()", keep_spare=True)
    start = launching._start
    workers: list[ProcessWorker] = []

    def start_one() -> ProcessWorker:
        if workers:
            raise BlockingIOError("no more processes")
        workers.append(start())
        return workers[0]

    monkeypatch.setattr(launching, "_start", start_one)
    worker = launching.launch(NOWHERE, LoadOptions())
    assert worker.alive
    assert launching.spare_process_id is None
    worker.close()


def test_no_spare_is_started_while_a_model_loads(launcher: Launch) -> None:
    launching = launcher(
        "start()\nif hear()['model']['name'] == 'org/slow': hear()\nelse: os._exit(0)", keep_spare=True
    )
    slow = threading.Thread(target=load_slowly, args=(launching,))
    slow.start()
    eventually(lambda: bool(launching._loading), "the slow load to begin")
    with pytest.raises(EngineDied):
        launching.launch(NOWHERE, LoadOptions())
    assert launching.spare_process_id is None
    launching.close()
    slow.join(timeout=20)


def load_slowly(launching: ProcessWorkerLauncher) -> None:
    with contextlib.suppress(EngineDied):
        launching.launch(LocatedModel("org/slow", PurePath("/slow"), ModelSource.CACHE), LoadOptions())


def test_a_consumer_that_does_not_read_holds_nobody_up(launcher: Launch) -> None:
    code = """
load(); hear(); hear()
for _ in range(3000):
    say({"kind": "events", "events": [text(1, "x" * 1000)]})
say({"kind": "events", "events": [text(2, "hi"), [2, "end", "stop", [1, 1], None, []]]})
hear()
"""
    worker = launcher(code).launch(NOWHERE, LoadOptions())
    lazy, eager = worker.generate(asking()), worker.generate(asking())
    assert [type(event) for event in eager] == [TextDelta, Finished]
    lazy.cancel()
    worker.close()


def test_nothing_is_kept_of_an_explanation_that_was_given(launcher: Launch, tiny: LocatedModel) -> None:
    worker = launcher().launch(tiny, LoadOptions())
    told = worker.explain(asking())
    assert told.message == "The prompt cache is off."
    assert not worker._streams


def test_cancelling_wakes_a_consumer_whose_worker_is_silent(launcher: Launch) -> None:
    worker = launcher("load(); hear(); hear(); hear()").launch(NOWHERE, LoadOptions())
    stream = worker.generate(asking())
    events: list[object] = []
    consumer = threading.Thread(target=lambda: events.extend(stream), daemon=True)
    consumer.start()
    stream.cancel()
    consumer.join(timeout=20)
    assert not consumer.is_alive()
    assert events == []
    worker.close()


def test_cancelling_tells_the_worker_once_and_not_after_the_end(launcher: Launch) -> None:
    code = """
load(); hear()
say({"kind": "events", "events": [text(1, "a"), [1, "end", "stop", [1, 1], None, []]]})
hear(); heard = [hear(), hear()]
say({"kind": "events", "events": [text(3, json.dumps(heard))]})
hear()
"""
    worker = launcher(code).launch(NOWHERE, LoadOptions())
    over = worker.generate(asking())
    list(over)
    over.cancel()
    running = worker.generate(asking())
    running.cancel()
    running.cancel()
    last = next(worker.generate(asking()))
    assert isinstance(last, TextDelta)
    assert '[{"kind": "cancel", "id": 2}, {"kind": "start", "id": 3' in last.text
    worker.close()


# The environment


def test_a_worker_gets_no_secret_and_no_way_to_a_hub() -> None:
    environ = dict.fromkeys(SECRETS, "hf_secret") | {"PATH": "/bin", "HF_HUB_OFFLINE": "0"}
    given = worker_environment(environ)
    assert "hf_secret" not in given.values()
    assert (given["PATH"], given["HF_HUB_OFFLINE"], given["TOKENIZERS_PARALLELISM"]) == ("/bin", "1", "false")


def test_the_child_sees_that_environment_and_no_other_open_file(launcher: Launch) -> None:
    code = """
start(); hear()
folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
files = sorted(int(name) for name in os.listdir(folder))
name = " ".join([os.environ.get("HF_TOKEN", "none"), os.environ["MARK"], str(len([f for f in files if f > 2]))])
say({"kind": "loaded", "facts": {"name": name, "context_length": 1, "process_id": 1, "memory_bytes": 1}})
hear()
"""
    with Path(__file__).open() as ours:
        os.set_inheritable(ours.fileno(), True)  # noqa: FBT003
        worker = launcher(code, HF_TOKEN="hf_secret", MARK="seen").launch(NOWHERE, LoadOptions())
    token, mark, open_files = worker.loaded.name.split()
    assert (token, mark) == ("none", "seen")
    assert int(open_files) <= 2, "the line, and the folder that was listed"
    worker.close()
