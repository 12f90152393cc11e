"""What becomes of a step in a container, whatever is done to it, to its engine or to us."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dit_dagster.adapters.docker import ContainerPlace, ContainerRunner, EngineContainers, EngineImages
from dit_dagster.errors import StepFailed
from dit_dagster.model.container import Container
from dit_dagster.ports import Exit, Invocation
from dit_dagster_tests.containers.engine import BASE, Engine

pytestmark = pytest.mark.usefixtures("signals_as_usual")

SLEEP = "print('here', flush=True); import time; time.sleep(600)"
GRACEFUL = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); " + SLEEP
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


def run(
    engine: Engine,
    folder: Path,
    program: str,
    *,
    stopped: Callable[[], bool] = lambda: False,
    line: Callable[[str], None] = print,
    labels: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
    bare: bool = False,
    **declared: Any,
) -> Exit:
    """Run a Python program in a container of the base image."""
    runner = ContainerRunner(engine.variables, Container(image=BASE, **declared), ContainerPlace(network="none"))
    invocation = Invocation(
        arguments=("python", "-S", "-c", program),
        directory=folder,
        variables=variables or {},
        image=EngineImages(engine.variables, network="none").resolve(BASE),
        labels=labels or {},
        bare=bare,
    )
    return runner.run(invocation, line=line, stopped=stopped)


@pytest.fixture(autouse=True)
def nothing_left(engine: Engine) -> Iterator[None]:
    """However a step ended, its container is gone."""
    yield
    assert engine.containers() == []


@pytest.fixture
def meanwhile(engine: Engine) -> Iterator[Callable[[Callable[[str], Any]], None]]:
    """Do something to the container that runs, once it says that it is there."""
    threads: list[threading.Thread] = []

    def later(act: Callable[[str], Any]) -> None:
        def wait_and_act() -> None:
            found = engine.running()
            while b"here" not in engine.api.logs(found):
                time.sleep(0.05)
            act(found)

        threads.append(threading.Thread(target=wait_and_act))
        threads[-1].start()

    yield later
    for thread in threads:
        thread.join(300)


Meanwhile = Callable[[Callable[[str], Any]], None]


@pytest.mark.parametrize(
    ("program", "send", "ended"),
    [
        pytest.param(SLEEP, "SIGKILL", (137, "SIGKILL was sent to it from elsewhere"), id="killed"),
        pytest.param(SLEEP, "SIGTERM", (143, "SIGTERM was sent to it from elsewhere"), id="told to end"),
        pytest.param(
            GRACEFUL, "SIGTERM", (0, "SIGTERM was sent to it from elsewhere"), id="told to end, which it does"
        ),
    ],
)
def test_a_container_that_is_ended_from_elsewhere_has_failed(
    engine: Engine, tmp_path: Path, meanwhile: Meanwhile, program: str, send: str, ended: tuple[int, str]
) -> None:
    """With the reason, and even if its program exits with 0: what it had left to do was not done."""
    meanwhile(lambda found: engine.api.kill(found, signal=send))

    found = run(engine, tmp_path, program)

    assert (found.code, found.reason) == ended


def test_a_program_that_kills_itself_was_not_killed_from_elsewhere(engine: Engine, tmp_path: Path) -> None:
    """Its code says enough."""
    found = run(engine, tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    assert (found.code, found.reason) == (137, None)


def test_a_container_that_is_removed_from_elsewhere_has_failed(
    engine: Engine, tmp_path: Path, meanwhile: Meanwhile
) -> None:
    """Nobody can tell how it ended."""
    meanwhile(lambda found: engine.api.remove_container(found, force=True))

    with pytest.raises(StepFailed, match="removed from elsewhere while it ran"):
        run(engine, tmp_path, SLEEP)


def test_a_container_that_needs_more_memory_than_it_may_have_says_so(engine: Engine, tmp_path: Path) -> None:
    """The engine ends it, and the reason names the limit."""
    found = run(engine, tmp_path, "held = bytearray(256 << 20); print(len(held))", memory="64m")

    assert (found.code, found.reason) == (137, "it ran out of memory, of which it may have 64 MiB")


@pytest.mark.parametrize(
    ("program", "code"),
    [
        pytest.param(SLEEP, -15, id="it ends when it is asked"),
        pytest.param(DEAF, -9, id="it ignores that"),
    ],
)
def test_a_step_that_is_cancelled_leaves_no_container(
    engine: Engine, tmp_path: Path, meanwhile: Meanwhile, program: str, code: int
) -> None:
    """It is asked to end, and after a while it is ended."""
    stop = threading.Event()
    meanwhile(lambda _: stop.set())

    assert run(engine, tmp_path, program, stopped=stop.is_set).code == code


def test_an_engine_that_starts_again_in_the_middle_ends_the_step(
    engine: Engine, tmp_path: Path, meanwhile: Meanwhile
) -> None:
    """The container went with it: the step has failed, its lines were told once, and nothing is left."""
    meanwhile(lambda _: engine.restart())
    lines: list[str] = []

    found = run(engine, tmp_path, GRACEFUL, line=lines.append)

    assert found.reason == "the container engine went away while it ran, and may have ended it"
    assert lines == ["here"]


def test_the_engine_says_which_image_ran(engine: Engine, tmp_path: Path) -> None:
    """It is read back from the container."""
    assert run(engine, tmp_path, "").image == engine.api.inspect_image(BASE)["Id"]


def test_a_container_carries_the_labels_of_its_run(engine: Engine, tmp_path: Path, meanwhile: Meanwhile) -> None:
    """So that it can be found when nobody waits for it any more."""
    seen: dict[str, str] = {}
    stop = threading.Event()

    def look(found: str) -> None:
        seen.update(engine.api.inspect_container(found)["Config"]["Labels"])
        stop.set()

    meanwhile(look)
    run(engine, tmp_path, SLEEP, stopped=stop.is_set, labels={"dit_run": "run-000001"})

    assert seen == {"dit": "generated", "dit_run": "run-000001"}


def test_a_container_is_run_as_it_is_declared(engine: Engine, tmp_path: Path) -> None:
    """User, working directory, variables, processors and memory; of the client's variables it gets none."""
    (tmp_path / "given.txt").write_text("from the tree")
    tmp_path.chmod(0o755)  # as a checkout is
    lines: list[str] = []
    program = (
        "import os; print(os.getuid(), os.getcwd(), sorted(set(os.environ) - {'HOME', 'HOSTNAME', 'PATH'}));"
        "print(open('given.txt').read())"
    )

    ended = run(
        engine,
        tmp_path,
        program,
        line=lines.append,
        variables={"MODE": "fast"},
        user="65534",
        workdir="/tree",
        volumes=["./:/tree"],
        memory="256m",
        cpus=0.5,
    )

    assert (ended.code, lines) == (0, ["65534 /tree ['MODE']", "from the tree"])


def test_the_trees_own_files_are_not_written_to(engine: Engine, tmp_path: Path) -> None:
    """Other steps read them too."""
    lines: list[str] = []

    ended = run(engine, tmp_path, "open('/tree/new', 'w')", line=lines.append, volumes=["./:/tree:rw"])

    assert (ended.code, lines[-1]) == (1, "OSError: [Errno 30] Read-only file system: '/tree/new'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("entrypoint", "bare", "said"),
    [
        pytest.param(["/bin/env", "A=1"], False, "1", id="declared"),
        pytest.param(["/bin/env", "A=1"], True, "None", id="left out for a hook"),
        pytest.param([], False, "None", id="none, whatever the image says"),
    ],
)
def test_an_entrypoint_stands_before_the_command(
    engine: Engine, tmp_path: Path, entrypoint: list[str], bare: bool, said: str
) -> None:
    """The step's arguments follow it."""
    lines: list[str] = []

    program = "import os; print(os.environ.get('A'))"
    run(engine, tmp_path, program, line=lines.append, entrypoint=entrypoint, bare=bare)

    assert lines == [said]


def test_the_last_words_of_a_long_output_arrive(engine: Engine, tmp_path: Path) -> None:
    """Each once, those without a line's end and those that are no text included."""
    lines: list[str] = []
    program = "import sys; print('\\n'.join(map(str, range(20000))), flush=True); sys.stdout.buffer.write(b'\\xff end')"

    run(engine, tmp_path, program, line=lines.append)

    assert (len(lines), lines[19_999:]) == (20_001, ["19999", "� end"])


def test_all_that_remove_one_container_find_it_gone(engine: Engine) -> None:
    """Two clean-ups, or one and the run itself: that somebody else was first is no error to anybody."""
    made = engine.api.create_container(BASE, command=["sleep", "600"], labels={"dit": "generated", "dit_run": "r"})
    engine.api.start(made["Id"])
    (container,) = EngineContainers(engine.variables).of_runs()

    with ThreadPoolExecutor(8) as pool:
        all_done = [pool.submit(EngineContainers(engine.variables).remove, container) for _ in range(8)]

    assert [done.result() for done in all_done] == [None] * 8
    assert engine.containers() == []
