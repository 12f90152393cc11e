"""One cap for what is scarce, and what goes first."""

from __future__ import annotations

from dit_dagster.model.identity import Fingerprint
from dit_dagster.running.line import Line

A, B, C, D = (Fingerprint(letter * 64) for letter in "abcd")
DEPTHS = {A: 1, B: 3, C: 2, D: 1}


def a_line(*waiting: Fingerprint, limit: int = 1) -> Line:
    line = Line(limit=limit, depths=DEPTHS)
    for fingerprint in waiting:
        line.join(fingerprint)
    return line


def test_never_more_at_a_time_than_allowed() -> None:
    """Two of four start; another only when one of them leaves. The peak is reported."""
    line = a_line(A, B, C, D, limit=2)

    first = line.start(0.0)
    none = line.start(0.0)
    line.leave(B)

    assert (first, none, line.start(0.0), line.peak) == ((B, C), (), (A,), 2)


def test_what_most_depends_on_goes_first() -> None:
    """Whatever came earlier; of equals, the first that came."""
    line = a_line(D, A, C, B)
    order = []
    while line:
        (chosen,) = line.start(0.0)
        order.append(chosen)
        line.leave(chosen)

    assert order == [B, C, D, A]


def test_who_waits_for_another_run_holds_nobody_up() -> None:
    """Until its time has come, the others pass."""
    line = a_line(A)
    line.join(B, not_before=5.0)

    early = line.start(1.0)
    line.leave(A)

    assert (early, line.start(4.9), line.start(5.0)) == ((A,), (), (B,))


def test_all_that_wait_can_be_sent_away() -> None:
    """A run that is stopped starts nothing more; what has started goes on until it leaves."""
    line = a_line(A, B)
    line.start(0.0)

    assert (line.clear(), bool(line)) == ((A,), False)
