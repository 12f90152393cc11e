"""What every VerdictBoard promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from dit_dagster.adapters.github import GitHubBoard, Token
from dit_dagster.adapters.memory import MemoryBoard
from dit_dagster.model.identity import Commit
from dit_dagster.model.notice import Notice, NoticeState
from dit_dagster.model.pull_request import PullRequest
from dit_dagster.ports import VerdictBoard
from dit_dagster_tests.github_stand_in import SLUG, StandIn, stand_in

HEAD = Commit("a" * 40)
GREEN = {"pass", "success"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """A port, and what a reader of the host sees."""

    port: VerdictBoard
    pull: Callable[[PullRequest], None]
    shown: Callable[[], Mapping[str, str]]
    comments: Callable[[int], list[str]]


@pytest.fixture(params=["github", "memory"])
def boards(request: pytest.FixtureRequest) -> Iterator[Boards]:
    if request.param == "memory":
        yield in_memory()
        return
    with stand_in() as host:
        yield on_github(host)
        assert host.refused == []


def in_memory() -> Boards:
    board = MemoryBoard()
    return Boards(
        port=board,
        pull=lambda pull: board.pulls.update({pull.number: pull}),
        shown=lambda: {name: notice.state.value for (name, _), notice in board.notices.items()},
        comments=lambda number: [text for (under, _), text in board.comments.items() if under == number],
    )


def on_github(host: StandIn) -> Boards:
    def pull(given: PullRequest) -> None:
        host.open_pull(given.number, fork=given.fork, draft=given.draft, author=given.author)
        host.label(given.number, *given.labels)

    return Boards(
        port=a_board(host),
        pull=pull,
        shown=lambda: {one["name"]: one["conclusion"] or one["status"] for one in host.checks.values()},
        comments=lambda number: [text.split("\n", 1)[1] for text in host.texts(number)],
    )


def a_board(host: StandIn, pause: Callable[[float], None] = lambda _: None) -> GitHubBoard:
    token = Token(token=SecretStr(host.token))
    return GitHubBoard(SLUG, token, address=host.address, pause=pause, seconds_between_writes=0)


def a_notice(state: NoticeState, name: str = "dit / trips") -> Notice:
    return Notice(name=name, commit=HEAD, state=state, title="IDENTICAL", summary="**all** is well")


def test_open_pull_requests_are_told_with_what_decides(boards: Boards) -> None:
    """Their authors, forks, drafts and labels, whatever they are called."""
    nasty = frozenset({"--upload-pack=x", "$(id)", "a\nb", "ünï", "'\""})
    given = [
        PullRequest(number=1, author="mia", fork=False),
        PullRequest(number=2, author="jon", fork=True, labels=nasty),
        PullRequest(number=3, author="ada", fork=False, draft=True),
    ]
    for one in given:
        boards.pull(one)

    assert boards.port.open_pulls() == {one.number: one for one in given}


def test_a_notice_takes_the_place_of_the_one_before(boards: Boards) -> None:
    """One per commit and name; another name stands beside it."""
    for state in (NoticeState.QUEUED, NoticeState.RUNNING, NoticeState.FAIL, NoticeState.FAIL):
        boards.port.show(a_notice(state))
    boards.port.show(a_notice(NoticeState.RUNNING, "dit / other"))

    shown = boards.shown()

    assert (len(shown), shown["dit / trips"], shown["dit / other"] in GREEN) == (
        2,
        boards.shown()["dit / trips"],
        False,
    )
    assert shown["dit / trips"].startswith("fail")


@pytest.mark.parametrize("state", NoticeState)
def test_only_a_pass_is_green(boards: Boards, state: NoticeState) -> None:
    """Neither an inconclusive verdict nor a run that was cancelled, or waits, lets a change through."""
    boards.port.show(a_notice(state))

    assert (boards.shown()["dit / trips"] in GREEN) is (state is NoticeState.PASS)


def test_there_is_one_comment_on_a_topic(boards: Boards) -> None:
    """It is written once, and changed from then on."""
    boards.pull(PullRequest(number=4, author="mia", fork=False))

    for text in ("first", "second", "second"):
        boards.port.comment(4, "dit trips", text)
    boards.port.comment(4, "dit other", "beside it")

    assert boards.comments(4) == ["second", "beside it"]
