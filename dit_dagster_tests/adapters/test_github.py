"""GitHub over a real wire: credentials, permissions, faults, lengths, and secrets that stay what they are."""

from __future__ import annotations

import logging
import secrets
import traceback

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from dit_dagster.adapters.github import App, GitHubBoard, Token
from dit_dagster.errors import BoardError, BoardRefused, BoardUnreachable
from dit_dagster.model.notice import NoticeState
from dit_dagster_tests.contracts.test_verdict_board import HEAD, a_board, a_notice
from dit_dagster_tests.github_stand_in import SLUG, stand_in

CREATE = "POST .*/check-runs"
COMMENT = "POST .*/comments"


def test_a_check_says_what_its_notice_does() -> None:
    """Every field as the API documents it: the stand-in refuses anything else."""
    with stand_in() as host:
        a_board(host).show(a_notice(NoticeState.INCONCLUSIVE))

        check = host.check(HEAD)

    assert (check["status"], check["conclusion"]) == ("completed", "action_required")
    assert check["output"] == {"title": "IDENTICAL", "summary": "**all** is well"}


@pytest.mark.parametrize("lost", [None, 500, 502, 503], ids=str)
def test_a_lost_answer_leaves_one_check_and_one_comment(lost: int | None) -> None:
    """What arrived although nobody heard of it is found again; what did not is sent again."""
    with stand_in() as host:
        host.open_pull(1)
        host.faults.planned = [(CREATE, lost), (COMMENT, lost)]
        board = a_board(host)
        board.show(a_notice(NoticeState.PASS))
        board.comment(1, "dit trips", "text")

        found = (len(host.checks), host.texts(1), host.refused)

    assert found == (1, ["<!-- dit trips -->\ntext"], [])


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(503, BoardUnreachable, id="it fails"),
        pytest.param(429, BoardUnreachable, id="it asks to wait"),
        pytest.param(422, BoardRefused, id="it does not understand"),
    ],
)
def test_what_may_get_better_is_told_from_what_will_not(fault: int, kind: type[BoardError]) -> None:
    """Whoever asks knows whether to ask again."""
    with stand_in() as host:
        host.faults.planned = [(CREATE, fault)] * 20

        with pytest.raises(kind, match=f"answered {fault}: planned"):
            a_board(host).show(a_notice(NoticeState.PASS))


def test_a_host_that_does_not_answer_may_later() -> None:
    """A refused connection is no verdict on our credentials."""
    with stand_in() as host:
        gone = host.address
    board = GitHubBoard(SLUG, Token(token=SecretStr("x")), address=gone, pause=lambda _: None)

    with pytest.raises(BoardUnreachable, match="did not answer"):
        board.show(a_notice(NoticeState.PASS))


@pytest.mark.parametrize("status", [403, 404])
def test_who_may_not_write_checks_writes_a_status(status: int) -> None:
    """A personal token, or a host without Check Runs."""
    with stand_in(may={"statuses"}) as host:
        host.faults.planned = [("check-runs", status)]
        board = a_board(host)
        board.show(a_notice(NoticeState.RUNNING))
        board.show(a_notice(NoticeState.INCONCLUSIVE))

        statuses = [(one["state"], one["context"]) for one in host.statuses]
        asked = [one for one in host.requests if "check-runs" in one]

    assert statuses == [("pending", "dit / trips"), ("error", "dit / trips")]
    assert len(asked) == 1


def test_a_check_that_is_over_does_not_begin_again() -> None:
    """Another takes its place: a heavier run of the same commit."""
    with stand_in() as host:
        board = a_board(host)
        for state in (NoticeState.FAIL, NoticeState.RUNNING, NoticeState.PASS):
            board.show(a_notice(state))

        found = [one["conclusion"] for one in host.checks.values()]

    assert found == ["failure", "success"]


def test_somebody_elses_comment_is_left_alone() -> None:
    """Whoever repeats our marker keeps what they wrote."""
    with stand_in() as host:
        host.open_pull(1)
        theirs = host.comment_by("eve", 1, "<!-- dit trips -->\nall green")
        board = a_board(host)
        board.comment(1, "dit trips", "red")
        board.comment(1, "dit trips", "still red")

        found = (host.comments[theirs]["body"], host.texts(1)[1:])

    assert found == ("<!-- dit trips -->\nall green", ["<!-- dit trips -->\nstill red"])


def test_a_comment_that_was_written_twice_becomes_one() -> None:
    """By two machines at once, say."""
    with stand_in() as host:
        host.open_pull(1)
        for text in ("one", "two"):
            host.comment_by(host.login, 1, f"<!-- dit trips -->\n{text}")
        a_board(host).comment(1, "dit trips", "three")

        assert host.texts(1) == ["<!-- dit trips -->\nthree"]


def test_long_texts_are_cut_to_what_the_host_takes() -> None:
    """And say that they are."""
    with stand_in() as host:
        host.open_pull(1)
        long = a_notice(NoticeState.FAIL, "dit / trips")
        board = a_board(host)
        board.comment(1, "dit trips", "ü" * 100_000)
        board.show(type(long)(**{**{name: getattr(long, name) for name in long.__slots__}, "summary": "x" * 100_000}))

        found = (host.refused, host.texts(1)[0][-40:], host.check(HEAD)["output"]["summary"][-40:])

    assert (found[0], "takes no longer text" in found[1], "takes no longer text" in found[2]) == ([], True, True)


def test_three_hundred_pull_requests_are_four_requests() -> None:
    """A page holds a hundred, and nothing is asked of each."""
    with stand_in() as host:
        for number in range(1, 301):
            host.open_pull(number, fork=number % 2 == 0)

        found = a_board(host).open_pulls()

        assert (len(found), len(host.requests)) == (300, 4)


def test_an_app_asks_for_no_more_than_it_needs() -> None:
    """Whatever it was installed with, its token may write checks and comments, and nothing else."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with stand_in(app_key=public.decode(), login="dit-checks[bot]") as host:
        host.open_pull(1)
        credentials = App(identifier=5, key=SecretStr(private))
        board = GitHubBoard(SLUG, credentials, address=host.address, pause=lambda _: None, seconds_between_writes=0)
        board.show(a_notice(NoticeState.PASS))
        board.comment(1, "dit trips", "text")
        board.comment(1, "dit trips", "text, again")

        found = (host.refused, host.granted, host.check(HEAD)["conclusion"], host.texts(1))

    granted = {"checks": "write", "pull_requests": "write", "metadata": "read"}
    assert found == ([], [granted], "success", ["<!-- dit trips -->\ntext, again"])


def test_a_key_that_is_none_is_refused_without_being_shown() -> None:
    """The file may hold something else that is secret."""
    planted = secrets.token_hex(20)
    board = GitHubBoard(SLUG, App(identifier=5, key=SecretStr(planted)), address="http://127.0.0.1:9")

    with pytest.raises(BoardRefused, match="credentials cannot be used") as refused:
        board.show(a_notice(NoticeState.PASS))

    assert planted not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("fault", [401, 403, 404, 422, 500, None], ids=str)
def test_no_error_and_no_log_holds_the_token(fault: int | None, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative level, with the whole chain of causes, and with a host that repeats what it gets."""
    caplog.set_level(logging.DEBUG)
    with stand_in(may=set()) as host:
        host.open_pull(1)
        host.faults.planned = [(".", fault)] * 50
        board = a_board(host)
        said = []
        for act in (
            board.open_pulls,
            lambda: board.show(a_notice(NoticeState.PASS)),
            lambda: board.comment(1, "dit trips", "text"),
        ):
            with pytest.raises(BoardError) as failed:
                act()
            said += traceback.format_exception(failed.value)
        token = host.token

    assert caplog.text
    assert token not in "".join(said) + caplog.text + repr(vars(board))


@pytest.mark.parametrize(("asked", "waited"), [("7", [7.0]), ("3600", [])])
def test_a_host_that_asks_to_wait_is_waited_for(asked: str, waited: list[float]) -> None:
    """For a while; an hour is for whoever asks later."""
    pauses: list[float] = []
    with stand_in() as host:
        host.faults.planned = [("GET .*/check-runs", 429)]
        host.faults.retry_after = asked
        board = a_board(host, pause=pauses.append)
        if waited:
            board.show(a_notice(NoticeState.PASS))
        else:
            with pytest.raises(BoardUnreachable):
                board.show(a_notice(NoticeState.PASS))

    assert pauses == waited
