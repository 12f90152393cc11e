"""The sample's history is the same everywhere, and each of its commits is what its tag says."""

from __future__ import annotations

import ast
import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from dit_dagster.demo.history import (
    FLIGHT_GAPS_BEAM,
    HISTORY,
    DemoRepository,
    files_below,
    files_of,
    overlay_of,
    prepare,
)
from dit_dagster.errors import UsageError

COMMITS = {
    "v1": "58795f1f86dd0ff2040b1294a1d62f4422e4a868",
    "v1-refactored": "bb6a3631f828e6b3b9f20776d0c12116895d17bf",
    "v2-changed": "817906a051ff6262ddac3199ab4838b7d7b535f9",
    "bug-lost-at-boundary": "4fd1e6b436a67ee84b4ad181632362d6eecb399c",
    "bug-exact-boundary": "ce977c70c5b18a503454951ab3659a4d2118ff65",
    "bug-append-only": "4e80fce819d01b60064754d0ffa0be12e464b21f",
    "bug-tail-kept": "3fb9a3fa79b61f3cad4ccf8fa1f2e39adfda4b02",
    "bug-tie-break": "4402dbfb1bc71e9ed0def7f6c45fcc459d095c5c",
    "bug-local-day": "47251aeb047920af26211e1379b410cd9acc3a7f",
    "bug-last-day": "b63c65654e821718796aa12f533f9cf0bec84abb",
}
BEAM_COMMITS = {
    "v1": "a69f7d15422156dcffb3ff09a91697693641be27",
    "bug-lost-at-boundary": "dc0530ea858f95e66363f705909a5bdb1147d524",
}

TAGS = [revision.tag for revision in HISTORY]
PARENTS = {revision.tag: revision.parent for revision in HISTORY if revision.parent}

A_SECOND_PROCESS = """
import json, os, pathlib, sys
os.umask(0o077)
from dit_dagster.demo.history import prepare
print(json.dumps(dict(prepare(pathlib.Path(sys.argv[1])).commits)))
"""


@pytest.fixture
def repository(tmp_path: Path) -> DemoRepository:
    return prepare(tmp_path / "flight-gaps")


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_commit_ids_are_the_same_everywhere(repository: DemoRepository) -> None:
    """A change of a shipped file, message or date is a new history, and must be meant."""
    assert dict(repository.commits) == COMMITS


def test_the_machine_does_not_show_in_the_commit_ids(tmp_path: Path) -> None:
    """Git configuration, hooks, time zone, locale, umask and git's own variables have no say."""
    home = tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "post-checkout").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "post-checkout").chmod(0o755)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Someone Else\n\temail = else@example.org\n"
        "[core]\n\tautocrlf = true\n\tfileMode = false\n\thooksPath = " + str(hooks) + "\n"
        "[commit]\n\tgpgsign = true\n[i18n]\n\tcommitEncoding = latin1\n[init]\n\tdefaultBranch = trunk\n"
    )
    elsewhere = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "de_DE.UTF-8",
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_AUTHOR_DATE": "2001-01-01T00:00:00",
        "GIT_COMMITTER_NAME": "Someone Else",
        "GIT_DEFAULT_HASH": "sha256",
    }

    said = subprocess.run(
        [sys.executable, "-c", A_SECOND_PROCESS, str(tmp_path / "flight-gaps")],
        env=os.environ | elsewhere,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert json.loads(said) == COMMITS


def test_the_tags_and_branches_are_there_and_main_is_checked_out(repository: DemoRepository) -> None:
    """Tags name commits; `main` is v1, its refactoring and v2; every other commit is on a branch off v1."""
    main = git(repository.path, "log", "--format=%H", "main").split()

    assert git(repository.path, "status", "--porcelain", "--branch") == "## main\n"
    assert main == [COMMITS["v2-changed"], COMMITS["v1-refactored"], COMMITS["v1"]]
    assert {tag: git(repository.path, "rev-parse", tag).strip() for tag in TAGS} == COMMITS
    for tag in TAGS:
        if tag.startswith("bug-"):
            assert git(repository.path, "rev-parse", f"{tag}^").strip() == COMMITS["v1"]
            assert git(repository.path, "branch", "--points-at", tag).strip()


def test_the_trees_are_the_shipped_files(repository: DemoRepository) -> None:
    """A commit holds its own files over those of its parents."""
    for tag in TAGS:
        listed = git(repository.path, "ls-tree", "-r", "--name-only", tag).split()
        assert listed == sorted(files_of(tag))
    assert (
        git(repository.path, "show", "bug-tie-break:flight_gaps/daily.py").encode()
        == (files_of("bug-tie-break")["flight_gaps/daily.py"])
    )


def test_a_complete_repository_is_left_alone(repository: DemoRepository) -> None:
    """Calling it again changes nothing, also after somebody worked in the repository."""
    inode = repository.path.stat().st_ino
    git(repository.path, "branch", "somebodys-work", "v1")
    (repository.path / "notes.txt").write_text("mine")

    again = prepare(repository.path)

    assert again == repository
    assert repository.path.stat().st_ino == inode
    assert (repository.path / "notes.txt").read_text() == "mine"


def lose_the_tags(repository: Path) -> None:
    git(repository, "tag", "-d", *TAGS)


def move_a_tag(repository: Path) -> None:
    git(repository, "tag", "-f", "v1", "bug-last-day")


def lose_the_objects(repository: Path) -> None:
    for file in (repository / ".git" / "objects").glob("??/*"):
        file.unlink()
    for file in (repository / ".git" / "objects" / "pack").glob("*"):
        file.unlink()


def lose_the_head(repository: Path) -> None:
    (repository / ".git" / "HEAD").unlink()


@pytest.mark.parametrize("break_it", [lose_the_tags, move_a_tag, lose_the_objects, lose_the_head])
def test_a_broken_repository_is_made_again(repository: DemoRepository, break_it: Callable[[Path], None]) -> None:
    """Whatever is missing, the result is the whole history."""
    break_it(repository.path)

    assert prepare(repository.path) == repository
    assert git(repository.path, "status", "--porcelain") == ""


def test_a_half_initialised_directory_is_made_again(tmp_path: Path) -> None:
    """An empty repository is what a killed `git init` leaves; there is nothing in it to lose."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "flight-gaps")], check=True)

    assert dict(prepare(tmp_path / "flight-gaps").commits) == COMMITS


def test_a_directory_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    """Nothing of anybody else's is removed."""
    (tmp_path / "thesis.txt").write_text("three years of work")

    with pytest.raises(UsageError, match="holds something else"):
        prepare(tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "three years of work"


def test_another_repository_is_refused(tmp_path: Path) -> None:
    """A repository with commits of its own, nothing checked out, is somebody's too."""
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    git(other, *identity, "commit", "--quiet", "--allow-empty", "-m", "Mine")

    with pytest.raises(UsageError, match="holds something else"):
        prepare(other)

    assert git(other, "log", "--format=%s").strip() == "Mine"


def test_two_processes_at_once_get_the_same_repository(tmp_path: Path) -> None:
    """One builds it, the others find it built; nobody sees half of it."""
    command = [sys.executable, "-c", A_SECOND_PROCESS, str(tmp_path / "flight-gaps")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate()[0] for process in processes]

    assert [json.loads(commits) for commits in said] == [COMMITS] * 4
    assert {entry.name for entry in tmp_path.iterdir()} == {"flight-gaps", ".flight-gaps.lock"}


@pytest.mark.parametrize("tag", list(PARENTS))
def test_every_shipped_file_of_a_commit_differs_from_its_parent(tag: str) -> None:
    """An overlay holds what its commit changes and nothing else."""
    before = files_of(PARENTS[tag])
    assert overlay_of(tag)
    assert [path for path, content in overlay_of(tag).items() if before.get(path) == content] == []


@pytest.mark.parametrize("tag", [tag for tag in TAGS if tag.startswith("bug-")])
def test_what_goes_wrong_is_a_small_change_that_looks_right(tag: str) -> None:
    """One file, few lines, and a message of somebody who believed in it."""
    ((path, after),) = overlay_of(tag).items()
    before = files_of("v1")[path]
    diff = difflib.unified_diff(before.decode().splitlines(), after.decode().splitlines(), n=0, lineterm="")
    changed = [line for line in diff if re.match(r"[+-](?![+-]{2})", line) and line[1:].strip()]
    message = next(revision.message for revision in HISTORY if revision.tag == tag)

    assert 1 <= len(changed) <= 10
    assert not re.search(r"bug|wrong|break|fault", message, re.IGNORECASE)


def test_the_beam_sample_has_a_history_of_its_own(tmp_path: Path) -> None:
    """The same two commits everywhere; the second changes one file, which the workers run."""
    made = prepare(tmp_path / "beam", FLIGHT_GAPS_BEAM)
    lock = files_of("v1", FLIGHT_GAPS_BEAM)["requirements.lock"].decode()

    assert dict(made.commits) == BEAM_COMMITS
    assert list(overlay_of("bug-lost-at-boundary", FLIGHT_GAPS_BEAM)) == ["flight_gaps_beam/detect.py"]
    assert "://" not in lock
    assert f"apache-beam=={version('apache-beam')} " in lock, "the local Dataflow's own image is of another Beam"


def test_no_version_knows_of_this_project() -> None:
    """The sample is a program of its own: standard library, its own package, the official client."""
    allowed = {"argparse", "collections", "dataclasses", "datetime", "re", "sys", "flight_gaps", "google"}
    for tag in TAGS:
        for path, content in files_of(tag).items():
            assert b"dit_dagster" not in content, (tag, path)
            if path.endswith(".py"):
                assert _imported(content) <= allowed, (tag, path)


def _imported(source: bytes) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            names.add(node.module.split(".")[0])
    return names


def test_the_lock_is_exact_and_names_no_index() -> None:
    """Every requirement is pinned and hashed, and where it was found is nobody's business."""
    lock = files_of("v1")["requirements.lock"].decode()
    requirements = [line for line in lock.splitlines() if not line.startswith(" ")]

    assert "google-cloud-bigquery" in lock
    assert all(re.fullmatch(r"[a-z0-9.-]+==[0-9A-Za-z.]+( ; .+)? \\", line) for line in requirements)
    assert lock.count("--hash=sha256:") >= len(requirements)
    assert "://" not in lock
    assert "--index" not in lock
    assert {files_of(tag)["requirements.lock"] for tag in TAGS} == {lock.encode()}


def test_what_python_leaves_in_folders_is_not_part_of_the_history(tmp_path: Path) -> None:
    """An installed package is compiled in place, which must not change a commit id."""
    for path in ("a.py", "b/c.py", "b/__pycache__/c.pyc", ".ruff_cache/x", "a.egg-info/PKG-INFO"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")

    assert list(files_below(tmp_path)) == ["a.py", "b/c.py"]
