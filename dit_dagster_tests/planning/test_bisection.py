"""Halving finds the first bad commit, over merges too, with as few looks as there can be."""

from __future__ import annotations

import math
import os
import random
from pathlib import Path

import pytest

from dit_dagster.adapters.git import GitSource
from dit_dagster.errors import UsageError
from dit_dagster.model.identity import Commit
from dit_dagster.planning.bisection import Found, Hidden, Turn
from dit_dagster.running.bisecting import Bisection, Look, NotTurned, find_turn, refuse_unless_built_on
from dit_dagster_tests.repositories import Repository


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """64 commits, among them branches that are merged: fast-import makes them in a moment."""
    repository = Repository.new(tmp_path_factory.mktemp("history"))
    chance = random.Random(5)
    heads = [repository.git("commit-tree", _empty(repository), "-m", "0")]
    for number in range(1, 63):
        parents = chance.sample(heads, min(len(heads), 2 if chance.random() < 0.3 else 1))
        made = repository.git(
            "commit-tree", _empty(repository), "-m", str(number), *[word for one in parents for word in ("-p", one)]
        )
        heads = [head for head in heads if head not in parents or chance.random() < 0.2] + [made]
    last = repository.git(
        "commit-tree", _empty(repository), "-m", "last", *[word for one in heads for word in ("-p", one)]
    )
    repository.git("update-ref", "refs/heads/main", last)
    return repository


def _empty(repository: Repository) -> str:
    return repository.git("hash-object", "-w", "-t", "tree", "/dev/null")


def source(repository: Repository, home: Path) -> GitSource:
    return GitSource(repository.path, home, os.environ)


def looked(commit: Commit, turn: Turn) -> Look:
    return Look(commit=commit, subject="", turn=turn, verdict="", reason="", run_id="", executed=1)


def found_in(
    code: GitSource, good: Commit, bad: Commit, bug: Commit, unknown: frozenset[Commit] = frozenset()
) -> Bisection:
    """The search where every commit that holds `bug` is bad."""

    def look_at(commit: Commit) -> Look:
        turn = Turn.UNKNOWN if commit in unknown else Turn.BAD if code.is_ancestor(bug, commit) else Turn.GOOD
        return looked(commit, turn)

    return find_turn(code, good, bad, look_at, stopped=lambda: False, told=lambda *_: None)


def test_every_bug_is_found_over_merges(history: Repository, tmp_path: Path) -> None:
    """Wherever it came in: with the two ends, at most two looks more than a list of as many would take."""
    code = source(history, tmp_path)
    commits = [Commit(one) for one in history.git("rev-list", "--reverse", "main").split()]
    good, bad = commits[0], commits[-1]
    inside = code.between([good], bad)
    bisections = {bug: found_in(code, good, bad, bug) for bug in inside}

    assert {bug: one.answer for bug, one in bisections.items()} == {bug: Found(commit=bug) for bug in inside}
    assert max(len(one.looks) for one in bisections.values()) <= 2 + math.ceil(math.log2(len(inside))) + 1


def test_64_commits_in_a_row_take_8_looks_at_most(tmp_path: Path) -> None:
    """The two ends included."""
    repository = Repository.new(tmp_path / "line")
    commits = [Commit(repository.commit({"file": str(number)})) for number in range(64)]
    code = source(repository, tmp_path)

    found = [found_in(code, commits[0], commits[-1], bug) for bug in commits[1:]]

    assert [one.answer for one in found] == [Found(commit=bug) for bug in commits[1:]]
    assert max(len(one.looks) for one in found) <= 8


def test_what_cannot_be_judged_is_passed_over_or_hides_the_answer(tmp_path: Path) -> None:
    """Another commit decides where one can; where none can, the suspects are named."""
    repository = Repository.new(tmp_path / "line")
    commits = [Commit(repository.commit({"file": str(number)})) for number in range(8)]
    code = source(repository, tmp_path)

    apart = found_in(code, commits[0], commits[-1], commits[6], frozenset({commits[3]}))
    hidden = found_in(code, commits[0], commits[-1], commits[3], frozenset({commits[2], commits[3]}))

    assert apart.answer == Found(commit=commits[6])
    assert isinstance(hidden.answer, Hidden)
    assert set(hidden.answer.suspects) == {commits[2], commits[3], commits[4]}
    assert hidden.answer.suspects[-1] == commits[4]


def test_an_end_that_is_not_what_was_said_ends_the_search(tmp_path: Path) -> None:
    """There is nothing to look for between two good commits, or two bad ones."""
    repository = Repository.new(tmp_path / "line")
    commits = [Commit(repository.commit({"file": str(number)})) for number in range(4)]
    code = source(repository, tmp_path)

    bad_before = found_in(code, commits[1], commits[3], commits[0])
    elsewhere = found_in(code, commits[0], commits[2], commits[3])

    assert isinstance(bad_before.answer, NotTurned)
    assert "is bad" in bad_before.answer.reason
    assert isinstance(elsewhere.answer, NotTurned)
    assert "not bad" in elsewhere.answer.reason


def test_a_search_that_is_stopped_names_what_is_left(tmp_path: Path) -> None:
    """Nothing is claimed of commits that were not looked at."""
    repository = Repository.new(tmp_path / "line")
    commits = [Commit(repository.commit({"file": str(number)})) for number in range(8)]
    code = source(repository, tmp_path)

    stopped = find_turn(
        code,
        commits[0],
        commits[-1],
        lambda commit: looked(commit, Turn.GOOD if commit == commits[0] else Turn.BAD),
        stopped=lambda: True,
        told=lambda *_: None,
    )

    assert isinstance(stopped.answer, Hidden)
    assert set(stopped.answer.suspects) == set(commits[1:])


def test_ends_that_do_not_build_on_each_other_are_refused(tmp_path: Path) -> None:
    """Exchanged, or on two branches."""
    repository = Repository.new(tmp_path / "line")
    first, second = (Commit(repository.commit({"file": text})) for text in "ab")
    code = source(repository, tmp_path)

    for ends in ((second, first), (first, first)):
        with pytest.raises(UsageError, match="does not build on"):
            refuse_unless_built_on(code, *ends)
