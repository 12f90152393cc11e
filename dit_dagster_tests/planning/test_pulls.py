"""What a look at pull requests leads to, look by look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dit_dagster.errors import BadDeclaration
from dit_dagster.model.identity import Commit
from dit_dagster.model.pull_request import (
    Cursor,
    Head,
    PullRequest,
    Pulls,
    Remote,
    RunPull,
    Seen,
    Standing,
    Superseded,
    Tick,
    Waiting,
    WarmDefault,
    Why,
    pull_number,
)
from dit_dagster.planning.pulls import announced, keys, read, tick, written
from dit_dagster_tests.builders import a_pipeline

MAIN, MAIN_NEXT, OLD, NEW, NEWER = (Commit(digit * 40) for digit in "12345")
REMOTE = "https://git.example/o/n"


def a_policy(**changes: Any) -> Pulls:
    return Pulls.model_validate({"remote": REMOTE, **changes})


def a_head(number: int, commit: Commit) -> Head:
    return Head(ref=f"refs/pull/{number}/head", commit=commit)


def hosted(number: int, **changes: Any) -> PullRequest:
    return PullRequest(**{"number": number, "author": "mia", "fork": False, **changes})


@dataclass(slots=True)
class Looks:
    """One look after another, with what each leaves for the next."""

    policy: Pulls = field(default_factory=a_policy)
    cursor: Cursor | None = None

    def at(
        self,
        heads: Mapping[int, Commit],
        *pulls: PullRequest,
        default: Commit = MAIN,
        own: frozenset[Commit] = frozenset(),
        asked: bool = True,
        changed: Mapping[Commit, tuple[str, ...]] | None = None,
    ) -> Tick:
        """By default the host lists every pull request as its own repository's, open and no draft."""
        listed = {number: hosted(number) for number in heads} | {pull.number: pull for pull in pulls}
        found = tick(
            self.cursor,
            Remote(
                default=Head(ref="refs/heads/main", commit=default),
                pulls={number: a_head(number, commit) for number, commit in heads.items()},
                own=own,
            ),
            listed if asked else None,
            self.policy,
            changed or {},
        )
        self.cursor = read(written(found.cursor))
        return found


def runs(found: Tick) -> list[tuple[int, Commit]]:
    return [(one.number, one.head.commit) for one in found.wanted if isinstance(one, RunPull)]


def warmed(found: Tick) -> list[Commit]:
    return [one.head.commit for one in found.wanted if isinstance(one, WarmDefault)]


def test_the_first_look_only_takes_the_baseline() -> None:
    """Turning the sensor on runs nothing that was there before."""
    looks = Looks()

    found = [looks.at({1: OLD, 2: NEW}), looks.at({1: OLD, 2: NEW})]

    assert [one.wanted for one in found] == [(), ()]


def test_a_new_head_is_run_once() -> None:
    """A pull request that is opened, and one that is pushed to."""
    looks = Looks()
    looks.at({1: OLD})

    found = [runs(looks.at({1: NEW, 2: NEWER})) for _ in range(2)]

    assert found == [[(1, NEW), (2, NEWER)], []]


def test_a_second_push_supersedes_the_first() -> None:
    """What was run before has nobody who waits for it."""
    looks = Looks()
    looks.at({})
    looks.at({1: OLD})

    found = looks.at({1: NEW})

    assert (runs(found), found.superseded) == ([(1, NEW)], (Superseded(number=1, current=NEW),))


def test_the_default_branch_is_run_when_it_moves_and_supersedes_itself() -> None:
    """So that what pull requests are compared with is known before they ask."""
    looks = Looks()
    looks.at({})
    first = looks.at({}, default=MAIN_NEXT)
    second = looks.at({}, default=NEWER)

    assert (warmed(first), first.superseded) == ([MAIN_NEXT], ())
    assert (warmed(second), second.superseded) == ([NEWER], (Superseded(number=0, current=NEWER),))


def test_the_default_branch_is_warm_for_the_first_pull_request() -> None:
    """The baseline did not run it; the first that is compared with it does, and only that one."""
    looks = Looks()
    looks.at({})

    found = [looks.at({1: OLD}), looks.at({1: NEW})]

    assert [warmed(one) for one in found] == [[MAIN], []]


def test_what_exceeds_the_cap_waits_for_the_next_look() -> None:
    """Nothing is lost, nothing is run twice."""
    looks = Looks(a_policy(cap=3))
    looks.at({})
    heads = {number: Commit(f"{number:040x}") for number in range(1, 8)}

    found = [looks.at(heads) for _ in range(4)]

    assert [len(one.wanted) for one in found] == [3, 3, 2, 0]
    assert sorted(pair for one in found for pair in runs(one)) == sorted(heads.items())


@pytest.mark.parametrize(
    ("policy", "pull", "expected"),
    [
        pytest.param({}, {"draft": True}, [], id="a draft"),
        pytest.param({"drafts": "run"}, {"draft": True}, [(1, NEW)], id="a draft that is run"),
        pytest.param({}, {"fork": True}, [], id="a fork"),
        pytest.param({"forks": "run"}, {"fork": True}, [(1, NEW)], id="forks are run"),
        pytest.param({"forks": "skip"}, {"fork": True, "labels": {"dit-allow"}}, [], id="forks are skipped"),
        pytest.param({}, {"fork": True, "labels": {"dit-allow"}}, [(1, NEW)], id="an allowed fork"),
        pytest.param({}, {"fork": True, "labels": {"DIT-ALLOW"}}, [], id="another label"),
        pytest.param({}, {"fork": True, "labels": {f"dit-allow:{NEW}"}}, [(1, NEW)], id="this commit is allowed"),
        pytest.param({}, {"fork": True, "labels": {f"dit-allow:{NEW[:12]}"}}, [], id="an abbreviated commit"),
        pytest.param({"allow": {"authors": ["mia"]}}, {"fork": True}, [(1, NEW)], id="an author on the list"),
        pytest.param({"allow": {"authors": ["jon"]}}, {"fork": True}, [], id="an author who is not"),
        pytest.param({"allow": {"commits": [NEW]}}, {"fork": True}, [(1, NEW)], id="a commit on the list"),
        pytest.param({"allow": {"commits": [OLD]}}, {"fork": True}, [], id="a commit that is not"),
    ],
)
def test_drafts_and_forks_run_as_declared(
    policy: dict[str, Any], pull: dict[str, Any], expected: list[tuple[int, Commit]]
) -> None:
    """No code of an unreviewed fork runs unless somebody has allowed it."""
    looks = Looks(a_policy(**policy))
    looks.at({})

    assert runs(looks.at({1: NEW}, hosted(1, **pull))) == expected


def test_a_fork_waits_and_that_is_said_once() -> None:
    """Until it was said: an answer that was lost is said again."""
    looks = Looks()
    looks.at({})
    fork = hosted(1, fork=True)

    first, again = looks.at({1: NEW}, fork), looks.at({1: NEW}, fork)
    looks.cursor = announced(again.cursor, frozenset({1}))
    third = looks.at({1: NEW}, fork)

    waits = (Waiting(number=1, head=a_head(1, NEW), why=Why.FORK),)
    assert [one.waiting for one in (first, again, third)] == [waits, waits, ()]


def test_a_label_allows_the_head_that_it_was_set_on_and_no_later_one() -> None:
    """Who pushes after the review does not get to run what was not reviewed."""
    looks = Looks()
    looks.at({})
    fork, allowed = hosted(1, fork=True), hosted(1, fork=True, labels=frozenset({"dit-allow"}))
    looks.at({1: OLD}, fork)

    at_old = looks.at({1: OLD}, allowed)
    pushed = looks.at({1: NEW}, allowed)
    taken_off = looks.at({1: NEW}, fork)
    set_again = looks.at({1: NEW}, allowed)

    assert [runs(one) for one in (at_old, pushed, taken_off, set_again)] == [[(1, OLD)], [], [], [(1, NEW)]]
    assert [one.why for one in pushed.waiting] == [Why.MOVED]
    assert pushed.superseded == (Superseded(number=1, current=NEW),)


def test_a_label_that_was_there_when_the_cap_was_reached_allows_that_head_only() -> None:
    """Waiting for room is no way around the review."""
    looks = Looks(a_policy(cap=1))
    looks.at({})
    allowed = hosted(2, fork=True, labels=frozenset({"dit-allow"}))
    looks.at({1: OLD, 2: OLD}, allowed)

    pushed = [looks.at({1: OLD, 2: NEW}, allowed) for _ in range(3)]

    assert [pair for one in pushed for pair in runs(one) if pair[0] == 2] == []


def test_a_label_on_a_baseline_head_does_not_allow_the_next() -> None:
    """It was set before the sensor was turned on, for what stood there then."""
    looks = Looks()
    allowed = hosted(1, fork=True, labels=frozenset({"dit-allow"}))
    looks.at({1: OLD}, allowed)

    assert runs(looks.at({1: NEW}, allowed)) == []


def test_without_the_host_every_head_is_a_forks_unless_a_branch_stands_on_it() -> None:
    """Any git server tells: only who may write to the remote can make a branch there."""
    looks = Looks(a_policy(allow={"commits": [NEWER]}))
    looks.at({}, asked=False)

    found = looks.at({1: OLD, 2: NEW, 3: NEWER}, asked=False, own=frozenset({OLD}))

    assert (runs(found), [one.number for one in found.waiting]) == ([(1, OLD), (3, NEWER)], [2])


def test_a_draft_runs_when_it_is_ready() -> None:
    """Without another push."""
    looks = Looks()
    looks.at({})

    found = [runs(looks.at({1: NEW}, hosted(1, draft=draft))) for draft in (True, False, False)]

    assert found == [[], [(1, NEW)], []]


def test_a_closed_pull_request_is_not_run_and_what_runs_of_it_is_cancelled_once() -> None:
    """A host keeps the refs of all pull requests that ever were."""
    looks = Looks()
    looks.at({})
    looks.at({1: OLD})
    remote = Remote(default=None, pulls={1: a_head(1, OLD), 2: a_head(2, NEW)})

    found = []
    for _ in range(2):
        one = tick(looks.cursor, remote, {}, looks.policy, {})
        looks.cursor = one.cursor
        found.append(one)

    assert [one.wanted for one in found] == [(), ()]
    assert [one.superseded for one in found] == [(Superseded(number=1, current=None),), ()]


def test_a_ref_that_is_gone_is_forgotten_and_its_run_cancelled() -> None:
    """The cursor does not grow with every pull request that ever was."""
    looks = Looks()
    looks.at({})
    looks.at({1: OLD})

    found = looks.at({})

    assert (found.superseded, dict(found.cursor.pulls)) == ((Superseded(number=1, current=None),), {})


def test_a_label_chooses_a_heavier_run() -> None:
    """Of a head that ran already, too; once."""
    looks = Looks(a_policy(heavy={"label": "full", "all_modes": True}))
    looks.at({})
    light, heavy = hosted(1), hosted(1, labels=frozenset({"full"}))

    found = [looks.at({1: NEW}, pull) for pull in (light, heavy, heavy, light)]

    asked = [[(one.number, one.heavy) for one in look.wanted if isinstance(one, RunPull)] for look in found]
    assert asked == [[(1, False)], [(1, True)], [], []]
    assert [look.superseded for look in found] == [()] * 4


def test_a_heavier_run_of_a_fork_waits_like_any_other() -> None:
    """That label says how much is run, not that it may."""
    looks = Looks(a_policy(heavy={"label": "full", "all_modes": True}))
    looks.at({})

    assert runs(looks.at({1: NEW}, hosted(1, fork=True, labels=frozenset({"full"})))) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(("src/job.py", "README.md"), [(1, NEW)], id="one of them"),
        pytest.param(("README.md",), [], id="none"),
        pytest.param(("srcs/job.py",), [], id="a folder of a similar name"),
        pytest.param(("sql/a/b.sql",), [(1, NEW)], id="a glob"),
        pytest.param((), [], id="nothing"),
    ],
)
def test_a_head_that_changes_none_of_the_paths_is_passed_over(
    changed: tuple[str, ...], expected: list[tuple[int, Commit]]
) -> None:
    """Its paths are asked for first, and not a second time."""
    looks = Looks(a_policy(paths=["src", "sql/*.sql"]))
    looks.at({})

    first = looks.at({1: NEW})
    second = looks.at({1: NEW}, changed={NEW: changed})
    third = looks.at({1: NEW})

    assert (runs(first), first.unknown) == ([], (a_head(1, NEW),))
    assert (runs(second), second.unknown, third.unknown) == (expected, (), ())


def test_paths_of_a_fork_that_waits_are_not_asked_for() -> None:
    """Nothing of it is fetched before somebody has allowed it."""
    looks = Looks(a_policy(paths=["src"]))
    looks.at({})

    assert looks.at({1: NEW}, hosted(1, fork=True)).unknown == ()


COMMITS = st.integers(0, 3).map(lambda number: Commit(f"{number:040x}"))
SEEN = st.builds(
    Seen, head=COMMITS, standing=st.sampled_from(Standing), labelled=st.none() | COMMITS, told=st.booleans()
)
CURSORS = st.builds(
    Cursor, default=st.none() | SEEN, pulls=st.dictionaries(st.integers(1, 9_999_999_999), SEEN, max_size=5)
)


@given(CURSORS)
def test_a_cursor_that_is_written_is_read_again(cursor: Cursor) -> None:
    """Nothing is lost between two looks."""
    assert read(written(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [None, "", "{}", "[]", "null", "7", '{"version":1}', '{"version":2,"default":null,"pulls":{}}', '{"version":1,'],
)
def test_a_cursor_of_somebody_else_is_none(text: str | None) -> None:
    """It leads to a new baseline, not to an error at every look."""
    assert read(text) is None


def test_a_cursor_of_five_thousand_is_short() -> None:
    """It is kept with every tick: a commit and its number each, little more."""
    cursor = Cursor(pulls={number: Seen(head=Commit(f"{number:040x}")) for number in range(5000)})

    assert len(written(cursor)) < 5000 * 52


def test_keys_tell_requests_apart() -> None:
    """One run per head and weight, whoever asks."""
    head = a_head(1, NEW)
    wanted = (
        RunPull(number=1, head=head),
        RunPull(number=1, head=head, heavy=True),
        RunPull(number=2, head=head),
        RunPull(number=1, head=a_head(1, OLD)),
        WarmDefault(head=head),
    )

    assert len({keys(one) for one in wanted}) == len(wanted)


@pytest.mark.parametrize(
    ("ref", "number"),
    [
        ("refs/pull/7/head", 7),
        ("refs/merge-requests/12/head", 12),
        ("refs/pull-requests/3/from", 3),
        *((f"refs/pull/{text}/head", None) for text in ("0", "07", "-1", "+1", "1\n", "\u0661", "9" * 4000, "1/../2")),
        *((text, None) for text in ("refs/pull/7/merge", "refs/heads/pull/7/head", "refs/pull/7/head\n", "", "--exec")),
    ],
)
def test_only_heads_of_pull_requests_have_a_number(ref: str, number: int | None) -> None:
    """Whatever else a remote calls its refs is nobody's pull request."""
    assert pull_number(ref) == number


@pytest.mark.parametrize(
    ("remote", "slug"),
    [
        ("https://github.com/o/n.git", "o/n"),
        ("git@github.com:o/n.git", "o/n"),
        ("ssh://git@github.com/o/n", "o/n"),
        ("https://git.example/o/n.git", None),
        ("https://github.com.evil.example/o/n", None),
        ("git://127.0.0.1:9418/n.git", None),
        ("/srv/git/n.git", None),
    ],
)
def test_a_remote_on_github_says_where_verdicts_go(remote: str, slug: str | None) -> None:
    """Any other host's has to be declared."""
    assert a_policy(remote=remote).slug == slug


@pytest.mark.parametrize(
    "remote",
    [
        *("--upload-pack=touch x", "-o/n", "ext::sh -c id", "https://git.example/o/n x", "o/n", "", "git@host"),
        *("https://git.example/\nx", "https://me:$(id)@git.example/o/n", "https://x@git.example/o/n", "fd::17"),
    ],
)
def test_what_is_no_remote_is_refused_and_not_shown(remote: str) -> None:
    """Neither an option, nor a command, nor an address with a password, which must not stand in an error either."""
    with pytest.raises(BadDeclaration, match=r"pulls\.remote: not the address of a git remote") as refused:
        a_pipeline(pulls={"remote": remote})

    assert not remote or remote not in str(refused.value)


def test_a_heavier_run_says_what_is_heavier() -> None:
    """A label without effect would be believed to have one."""
    with pytest.raises(BadDeclaration, match="says nothing that makes a run heavier"):
        a_pipeline(pulls={"remote": REMOTE, "heavy": {"label": "full"}})
