"""What is said of a commit on the host of its repository, while it is run and afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dit_dagster.model.identity import Commit
from dit_dagster.model.verdict import Outcome


class NoticeState(StrEnum):
    """How far a run is, or what it came to. Only `PASS` is green, whatever a host calls the others."""

    WAITING = "waiting"  # nothing runs until somebody allows it
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLED = "cancelled"
    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"

    @property
    def final(self) -> bool:
        return self not in (NoticeState.QUEUED, NoticeState.RUNNING)


STATE_OF: Mapping[Outcome, NoticeState] = {
    Outcome.PASS: NoticeState.PASS,
    Outcome.FAIL: NoticeState.FAIL,
    Outcome.INCONCLUSIVE: NoticeState.INCONCLUSIVE,
    Outcome.ERROR: NoticeState.ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One line, and more in Markdown, about a commit under a name: the later one takes the place of the earlier."""

    name: str
    commit: Commit
    state: NoticeState
    title: str
    summary: str
    link: str | None = None


_FROM_WORST = (
    *(NoticeState.ERROR, NoticeState.FAIL, NoticeState.INCONCLUSIVE, NoticeState.CANCELLED),
    *(NoticeState.WAITING, NoticeState.QUEUED, NoticeState.RUNNING, NoticeState.PASS),
)


def worst(notices: Iterable[Notice]) -> Notice:
    """Of several about one commit, the one that counts: it is green only if all are. Of equals the first."""
    return min(notices, key=lambda notice: _FROM_WORST.index(notice.state))
