"""What only processes can do: start others, ignore signals, write what is no text."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dit_dagster.adapters.process import ProcessRunner
from dit_dagster.ports import Exit, Invocation


def never() -> bool:
    return False


def run_script(folder: Path, script: str, *, stopped: Callable[[], bool] = never) -> tuple[Exit, list[str]]:
    (folder / "program.py").write_text(script)
    invocation = Invocation(
        arguments=(sys.executable, "-S", "-E", "program.py"), directory=folder, variables={"PATH": os.environ["PATH"]}
    )
    lines: list[str] = []
    ended = ProcessRunner().run(invocation, line=lines.append, stopped=stopped)
    return ended, lines


SECONDS = 120.0
WRITER = """
import os, subprocess, sys, time
child = "import time\\nwhile True:\\n    open('beats', 'a').write('x'); time.sleep(0.02)"
started = subprocess.Popen([sys.executable, "-S", "-c", child])
while not os.path.exists("beats"): time.sleep(0.02)
with open("draft", "w") as draft: draft.write(str(started.pid))
os.replace("draft", "started")
"""


def is_gone(pid: int) -> bool:
    """Whether a process ends, soon. One that nobody has waited for yet is a zombie, which does nothing any more."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
        if listed.stdout.strip()[:1] in ("", "Z"):
            return True
        time.sleep(0.05)
    return False


def test_what_a_step_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    """Otherwise it would go on writing after the phase is judged."""
    ended, _ = run_script(tmp_path, WRITER)

    assert (ended.code, is_gone(int((tmp_path / "started").read_text()))) == (0, True)


def test_what_a_step_started_is_stopped_with_it(tmp_path: Path) -> None:
    """The whole process group, once both of its processes run."""
    run_script(tmp_path, f"{WRITER}\ntime.sleep(600)", stopped=(tmp_path / "started").exists)

    assert is_gone(int((tmp_path / "started").read_text()))


def test_output_that_is_no_text_ends_no_step(tmp_path: Path) -> None:
    """It is shown as well as it can be."""
    ended, lines = run_script(tmp_path, "import sys; sys.stdout.buffer.write(b'\\xff\\xfe ok\\n')")

    assert (ended.code, lines) == (0, ["\ufffd\ufffd ok"])


def test_a_step_that_kills_itself_has_the_signals_code(tmp_path: Path) -> None:
    """Negative, so that it cannot be taken for an exit code."""
    ended, _ = run_script(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    assert ended.code == -9


def test_a_step_has_no_input_to_wait_for(tmp_path: Path) -> None:
    """A program that asks a question gets the end of its input at once."""
    ended, lines = run_script(tmp_path, "import sys; print(repr(sys.stdin.read()))")

    assert (ended.code, lines) == (0, ["''"])


def test_the_last_words_of_a_long_output_arrive(tmp_path: Path) -> None:
    """Everything a step wrote before its end is passed on."""
    _, lines = run_script(tmp_path, "print('\\n'.join(str(n) for n in range(20000)))")

    assert (len(lines), lines[-1]) == (20000, "19999")
