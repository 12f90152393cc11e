"""What every PipelineRunner promises."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dit_dagster.adapters.docker import ContainerPlace, ContainerRunner, EngineImages
from dit_dagster.adapters.memory import MemoryRunner
from dit_dagster.adapters.process import ProcessRunner
from dit_dagster.errors import StepFailed
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest
from dit_dagster.ports import Invocation, PipelineRunner
from dit_dagster_tests.containers.engine import BASE

SCRIPT = """
import os, sys, time
what, *rest = sys.argv[1:]
if what == "say":
    print(*rest, sep="\\n", flush=True)
elif what == "exit":
    sys.exit(int(rest[0]))
elif what == "variables":
    print(*sorted(os.environ), sep="\\n")
elif what == "raise":
    raise RuntimeError("broken")
elif what == "sleep":
    print("asleep", flush=True)
    time.sleep(600)
"""

OF_ANY_PROGRAM = {"LC_CTYPE", "PATH", "HOSTNAME", "HOME"}
"""What a program has without being given it: from its interpreter, or from any container."""

pytestmark = pytest.mark.usefixtures("signals_as_usual")


def in_memory(invocation: Invocation, line: Callable[[str], None], stopped: Callable[[], bool]) -> int:
    """What the script does, as a function."""
    match invocation.arguments[1:]:
        case ("say", *words):
            for word in words:
                line(word)
        case ("exit", code):
            return int(code)
        case ("variables",):
            for name in sorted(invocation.variables):
                line(name)
        case ("raise",):
            raise RuntimeError("broken")
        case ("sleep",):
            line("asleep")
            while not stopped():
                time.sleep(0.02)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A port, and the invocation of the test program with some arguments."""

    port: PipelineRunner
    directory: Path
    program: tuple[str, ...]
    image: ImageDigest | None = None

    def __call__(self, *arguments: str) -> Invocation:
        return Invocation(
            arguments=(*self.program, *arguments),
            directory=self.directory,
            variables={"ONLY": "1"},
            image=self.image,
        )


@pytest.fixture(params=["process", "memory", "docker"])
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Runner:
    if request.param == "memory":
        return Runner(port=MemoryRunner({"program": in_memory}), directory=tmp_path, program=("program",))
    (tmp_path / "program.py").write_text(SCRIPT)
    if request.param == "docker":
        engine = request.getfixturevalue("engine")
        container = Container(image=BASE, volumes=("./:/tree",), workdir="/tree")
        port = ContainerRunner(engine.variables, container, ContainerPlace(network="none"))
        image = EngineImages(engine.variables, network="none").resolve(BASE)
        return Runner(port=port, directory=tmp_path, program=("python", "-S", "-E", "program.py"), image=image)
    # Without site: the test program starts fast and has no variables of its own.
    return Runner(port=ProcessRunner(), directory=tmp_path, program=(sys.executable, "-S", "-E", "program.py"))


def never() -> bool:
    return False


def test_each_line_is_passed_on(runner: Runner) -> None:
    """In order, without its end; then the exit code is 0."""
    lines: list[str] = []

    ended = runner.port.run(runner("say", "one", "zwei ☃", ""), line=lines.append, stopped=never)

    assert (lines, ended.code) == (["one", "zwei ☃", ""], 0)


@pytest.mark.parametrize("code", [1, 3, 255])
def test_the_exit_code_is_passed_on(runner: Runner, code: int) -> None:
    """A step that fails is not made to look well."""
    assert runner.port.run(runner("exit", str(code)), line=print, stopped=never).code == code


def test_a_program_that_breaks_says_why(runner: Runner) -> None:
    """Its trace is output like any other."""
    lines: list[str] = []

    ended = runner.port.run(runner("raise"), line=lines.append, stopped=never)

    assert (ended.code, lines[-1]) == (1, "RuntimeError: broken")


def test_a_step_has_the_variables_it_was_given(runner: Runner) -> None:
    """Those and no others: two machines run the same."""
    lines: list[str] = []

    runner.port.run(runner("variables"), line=lines.append, stopped=never)

    assert [name for name in lines if name not in OF_ANY_PROGRAM] == ["ONLY"]


def test_a_program_that_is_not_there_is_named(runner: Runner) -> None:
    """As the pipeline's error, with what to check."""
    missing = replace(runner("say"), arguments=("no-such-program",))

    with pytest.raises(StepFailed, match="cannot start 'no-such-program'"):
        runner.port.run(missing, line=print, stopped=never)


def test_a_step_ends_when_it_is_stopped(runner: Runner) -> None:
    """Soon, and with the code of the signal."""
    asleep: list[float] = []

    ended = runner.port.run(
        runner("sleep"), line=lambda _: asleep.append(time.monotonic()), stopped=lambda: bool(asleep)
    )

    assert (ended.code, time.monotonic() - asleep[0] < 300) == (-15, True)
