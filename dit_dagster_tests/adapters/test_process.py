"""What only processes can do: start others, ignore signals, write what is no text."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from dit_dagster.adapters.process import ProcessRunner
from dit_dagster.ports import Exit, Invocation


def run_script(folder: Path, script: str, *, stop_after: float | None = None) -> tuple[Exit, list[str]]:
    (folder / "program.py").write_text(script)
    invocation = Invocation(
        arguments=(sys.executable, "-S", "-E", "program.py"), directory=folder, variables={"PATH": os.environ["PATH"]}
    )
    lines: list[str] = []
    stop = threading.Event()
    if stop_after is not None:
        threading.Timer(stop_after, stop.set).start()
    ended = ProcessRunner().run(invocation, line=lines.append, stopped=stop.is_set)
    return ended, lines


WRITER = """
import subprocess, sys, time
child = "import time\\nwhile True:\\n    open('beats', 'a').write('x'); time.sleep(0.02)"
subprocess.Popen([sys.executable, "-S", "-c", child])
while not __import__("os").path.exists("beats"): time.sleep(0.02)
"""


def beats(folder: Path) -> int:
    return (folder / "beats").stat().st_size


def test_what_a_step_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    """Otherwise it would go on writing after the phase is judged."""
    ended, _ = run_script(tmp_path, WRITER)

    time.sleep(0.1)
    before = beats(tmp_path)
    time.sleep(0.3)
    assert (ended.code, beats(tmp_path)) == (0, before)


def test_what_a_step_started_is_stopped_with_it(tmp_path: Path) -> None:
    """The whole process group."""
    run_script(tmp_path, f"{WRITER}\ntime.sleep(60)", stop_after=1.0)

    time.sleep(0.1)
    before = beats(tmp_path)
    time.sleep(0.3)
    assert beats(tmp_path) == before


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
