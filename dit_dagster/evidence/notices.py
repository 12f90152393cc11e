"""What is said of a commit while it is run and afterwards, on the host of its repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dit_dagster.evidence.cases import headline, whole
from dit_dagster.evidence.markdown import code, is_link, markdown, markdown_of_failure
from dit_dagster.model.identity import Commit
from dit_dagster.model.notice import STATE_OF, Notice, NoticeState
from dit_dagster.model.pull_request import Allow, Waiting


def check_name(pipeline: str) -> str:
    """What a branch's protection can require."""
    return f"dit / {pipeline}"


def topic(pipeline: str) -> str:
    """What tells our comment from others."""
    return f"dit {pipeline}"


def of_report(report: Mapping[str, Any], link: str | None) -> Notice:
    """A run that has ended: its verdict."""
    return Notice(
        name=check_name(report["pipeline"]),
        commit=Commit(report["commit"]),
        state=STATE_OF[whole(report)],
        title=headline(report),
        summary=markdown(report, link=link),
        link=link,
    )


def of_failure(pipeline: str, commit: Commit, why: str, link: str | None) -> Notice:
    """A run that ended and came to no report. It is an error, never a pass."""
    return Notice(
        name=check_name(pipeline),
        commit=commit,
        state=NoticeState.ERROR,
        title="ERROR: no report",
        summary=markdown_of_failure(pipeline, commit, why, link=link),
        link=link,
    )


def of_progress(pipeline: str, commit: Commit, state: NoticeState, link: str | None) -> Notice:
    """A run that has not ended yet."""
    place = f"[the run]({link})" if is_link(link) else ""
    return Notice(
        name=check_name(pipeline),
        commit=commit,
        state=state,
        title=f"{state.value}: no verdict yet",
        summary=f"commit {code(commit[:12])} is {state.value}: there is no verdict yet. {place}".strip(),
        link=link,
    )


def of_cancelled(pipeline: str, commit: Commit, by: str, link: str | None) -> Notice:
    """A run that was cancelled; `by` says what for."""
    return Notice(
        name=check_name(pipeline),
        commit=commit,
        state=NoticeState.CANCELLED,
        title="cancelled: no verdict",
        summary=f"The run of commit {code(commit[:12])} was cancelled: {code(by)}. There is no verdict.",
        link=link,
    )


def of_waiting(pipeline: str, waiting: Waiting, allow: Allow) -> Notice:
    """A head whose code does not run until somebody has looked at it."""
    return Notice(
        name=check_name(pipeline),
        commit=waiting.head.commit,
        state=NoticeState.WAITING,
        title="waits: nothing has run",
        summary=(
            f"Nothing of this commit has run: {waiting.why.value}. Whoever has read it sets the label "
            f"{code(allow.label)}; it is for the commit that it is set on, and for a later one it is taken off and "
            f"set again. The label {code(f'{allow.label}:{waiting.head.commit}')} is for this commit alone."
        ),
    )
