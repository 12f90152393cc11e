"""Ctrl-C and SIGTERM, as every command that runs something takes them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dit_dagster.running.orchestrator import Stop


@contextmanager
def stoppable(what_follows: str = "ending steps and dropping what is not committed") -> Iterator[Stop]:
    """Ctrl-C and SIGTERM ask the run to stop; a second one ends it at once."""
    stop = Stop()

    def ask(number: int, _: object) -> None:
        if stop():
            sys.exit(128 + number)
        print(f"dit: stopping: {what_follows}", file=sys.stderr)
        stop.ask(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
