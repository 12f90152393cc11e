"""Dagster interrupts the main thread; the work goes on in another until it is asked to stop."""

from __future__ import annotations

import _thread
import threading

import pytest

from dit_dagster.defs.steps import interruptible
from dit_dagster.running.orchestrator import Stop

pytestmark = pytest.mark.usefixtures("signals_as_usual")


def test_an_interruption_asks_the_work_to_stop_and_waits_for_it() -> None:
    """What the work came to is known before the step ends, so that it can be recorded."""

    def work(stop: Stop) -> str:
        threading.Timer(1.0, _thread.interrupt_main).start()
        return f"stopped by {stop.signal}" if stop.wait(120.0) else "never asked"

    result, interruption = interruptible(work)

    assert result == "stopped by 15"
    assert isinstance(interruption, KeyboardInterrupt)


def test_work_that_is_not_interrupted_is_just_done() -> None:
    """The usual case."""
    assert interruptible(lambda stop: stop()) == (False, None)


def test_an_error_of_the_work_is_the_callers() -> None:
    """An interruption is told apart from a failure."""

    def work(_: Stop) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        interruptible(work)
