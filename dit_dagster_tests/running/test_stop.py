"""One way to ask everything to stop."""

from __future__ import annotations

from dit_dagster.running.orchestrator import Stop


def test_the_first_signal_is_the_one_that_is_reported() -> None:
    """Whoever waits is woken."""
    stop = Stop()
    before = stop()

    stop.ask(15)
    stop.ask(2)

    assert (before, stop(), stop.signal, stop.wait(10)) == (False, True, 15, True)
