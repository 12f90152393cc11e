"""Modes as declared: ordered phases whose ends are written relative to the experiment's window.

A moment is `start`, `end`, `outage_start` or `outage_end`, with offsets in days (`end-3`), in tails (`end-T`) or in
daily windows (`end-T-W`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dit_dagster.model.policy import Declared

_MOMENT = re.compile(r"(?:start|end|outage_start|outage_end)(?:[+-](?:T|W|\d{1,4}))*")
_BRACED = re.compile(r"\{([A-Za-z][^{}]*)\}")
_OFFSET = re.compile(r"([+-])(T|W|\d{1,4})")


def is_moment(text: str) -> bool:
    """Whether `text` can be resolved to a date."""
    return _MOMENT.fullmatch(text) is not None


def moments_in(condition: str) -> tuple[str, ...]:
    """What stands between braces in a SQL condition, apart from a pattern's counts."""
    return tuple(_BRACED.findall(condition))


def with_moments(condition: str, rendered: Callable[[str], str]) -> str:
    """`condition` with what stands between braces as it is rendered."""
    return _BRACED.sub(lambda found: rendered(found[1]), condition)


def _moment(text: str) -> str:
    if not is_moment(text):
        raise ValueError(
            f"{text!r} is not a moment; write start, end, outage_start or outage_end, plus or minus days, T or W"
        )
    return text


def split_moment(text: str) -> tuple[str, tuple[tuple[int, str], ...]]:
    """The base of a validated moment, and its offsets as sign and amount (`T`, `W` or digits)."""
    base = re.split(r"[+-]", text, maxsplit=1)[0]
    return base, tuple((-1 if sign == "-" else 1, amount) for sign, amount in _OFFSET.findall(text))


Moment = Annotated[str, AfterValidator(_moment)]


class Slice(Declared):
    """One phase over `[from, to)`; `mutation` names one of the pipeline's mutations."""

    kind: Literal["slice"] = "slice"
    from_: Moment = Field(alias="from")
    to: Moment
    mutation: str | None = None


class Dailies(Declared):
    """The daily phases that end on `end-T+1 .. end`, each over the pipeline's daily window."""

    kind: Literal["dailies"] = "dailies"
    mutation: str | None = None


class Mode(Declared):
    """An ordered list of phases that fill one set of output tables from empty.

    `compared_with` limits the comparison to that mode. `exercises` says that the mode's mutated phases must leave
    their mark before the phase that recovers from them.
    """

    phases: tuple[Slice | Dailies, ...] = Field(min_length=1)
    compared_with: str | None = None
    replica: int = Field(default=0, ge=0)
    purpose: str = ""


def _slice(begin: str, to: str, mutation: str | None = None) -> Slice:
    return Slice.model_validate({"from": begin, "to": to, "mutation": mutation})


OUTAGE = "outage"
MUTATE = "mutate_recover"

GENERIC: Mapping[str, Mode] = {
    "bf": Mode(phases=(_slice("start", "end"),), purpose="one backfill"),
    "bfd": Mode(phases=(_slice("start", "end-T"), Dailies()), purpose="a backfill, then daily runs"),
    "bftruncate": Mode(
        phases=(_slice("start", "end"), Dailies()), purpose="a backfill, then the tail run again day by day"
    ),
    MUTATE: Mode(
        phases=(_slice("start", "end-T"), Dailies(mutation=MUTATE), Dailies()),
        compared_with="bf",
        purpose="daily runs on damaged input, then again on the true input",
    ),
    "outage_recovery": Mode(
        phases=(
            _slice("start", "outage_start"),
            _slice("outage_end", "end", OUTAGE),
            _slice("outage_start", "end"),
        ),
        compared_with="bf",
        purpose="days of the source are missing, then arrive",
    ),
    "repeat": Mode(
        phases=(_slice("start", "end"),),
        compared_with="bf",
        replica=1,
        purpose="the backfill once more: is it deterministic?",
    ),
}
"""What every pipeline gets. mutate_recover needs a mutation of that name, outage_recovery a declared outage."""
