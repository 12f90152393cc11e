"""One cap for what is scarce, and one way to ask everything to stop."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dit_dagster.running.orchestrator import Slots, Stop


@pytest.mark.parametrize("limit", [1, 3])
def test_never_more_at_a_time_than_allowed(limit: int) -> None:
    """Twelve threads; the peak is the limit, and is reported."""
    slots, lock, inside, most = Slots(limit), threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        with slots.one():
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))

    assert (most <= limit, slots.peak) == (True, most)


def test_a_slot_comes_back_after_an_error() -> None:
    """Otherwise a failed phase would block the others for ever."""
    slots = Slots(1)

    with pytest.raises(ValueError, match="broken"), slots.one():
        raise ValueError("broken")

    with slots.one():
        assert slots.peak == 1


def test_the_first_signal_is_the_one_that_is_reported() -> None:
    """Whoever waits is woken."""
    stop = Stop()
    before = stop()

    stop.ask(15)
    stop.ask(2)

    assert (before, stop(), stop.signal, stop.wait(10)) == (False, True, 15, True)
