"""The everyday loop: edit, run, and push what was run. Every run executes a commit, or says loudly that it does not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.repositories import Repository
from dit_dagster_tests.scenarios.bench import APPENDING, GOOD, Bench
from dit_dagster_tests.secrets_for_tests import planted_secrets

MODES = ("--modes", "bf,bftruncate", "--tail", "1", "--lookback", "1")


@pytest.fixture(autouse=True)
def as_committed(bench: Bench) -> Iterator[None]:
    """Every test begins and ends with the tree of `good`."""
    yield
    bench.repository.git("checkout", "--quiet", "--force", "good")
    bench.repository.git("clean", "--quiet", "-fd")


def report(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def test_a_dirty_tree_is_run_as_a_snapshot(bench: Bench, dit: Dit, tmp_path: Path) -> None:
    """What was edited runs, as a commit that says where it came from; the same edits again are reused."""
    head = bench.repository.git("rev-parse", "HEAD")
    bench.repository.write({"job.sql": APPENDING, "scratch.py": "1\n"})
    files = [tmp_path / name for name in ("once.json", "again.json")]

    said = [dit("run", "visits", *MODES, "--json", str(file)) for file in files]

    once, again = (report(file) for file in files)
    assert [one.code for one in said] == [1, 1], said
    assert once["origin"] == {
        "kind": "snapshot",
        "commit": once["commit"],
        "tree": bench.repository.git("rev-parse", f"{once['commit']}^{{tree}}"),
        "parent": head,
        "reviewed": False,
        "changed": ["job.sql"],
        "untracked": ["scratch.py"],
    }
    assert (again["commit"], again["invocations"]["executed"]) == (once["commit"], 0)
    planned = next(event for event in bench.events_of(once["run_id"]) if event.kind == "run_planned")
    assert planned.payload["origin"] == once["origin"]
    assert bench.repository.git("rev-parse", "HEAD") == head


def test_a_clean_tree_is_head(bench: Bench, dit: Dit, tmp_path: Path) -> None:
    """No snapshot is made of what is committed already."""
    said = dit("run", "visits", *MODES, "--json", str(tmp_path / "report.json"))

    found = report(tmp_path / "report.json")
    assert said.code == 0, said
    assert found["commit"] == bench.repository.git("rev-parse", "HEAD")
    assert found["origin"] == {"kind": "commit", "reviewed": True, "untracked": []}


def test_trap_45_untracked_files_are_told_loudly_and_not_run(bench: Bench, dit: Dit, tmp_path: Path) -> None:
    """Trap 45: a tree with nothing but untracked changes runs HEAD, and says which files are not in it."""
    bench.repository.write({"better.sql": APPENDING, "odd\nname.py": "1\n"})

    said = dit("run", "visits", *MODES, "--json", str(tmp_path / "report.json"))

    assert said.code == 0
    assert "NOT IN IT: 2 files that git does not track" in said.err
    assert "untracked: better.sql" in said.err
    assert "untracked: odd\\nname.py" in said.err
    assert report(tmp_path / "report.json")["commit"] == bench.repository.git("rev-parse", "HEAD")


def test_a_clean_tree_can_be_asked_for(bench: Bench, dit: Dit) -> None:
    """Refused before anything happens, with the paths."""
    bench.repository.write({"job.sql": APPENDING})

    said = dit("run", "visits", *MODES, "--require-clean")

    assert said.code == 2
    assert "--require-clean: the working tree differs from HEAD in job.sql" in said.err


def test_a_folder_that_is_edited_proves_nothing(bench: Bench, dit: Dit, tmp_path: Path) -> None:
    """It runs as it lies, untracked files and all; it is never reused, and equal tables are inconclusive."""
    program = (bench.repository.path / "job.py").read_text()
    bench.repository.write({"job.py": program.replace("job.sql", "untracked.sql"), "untracked.sql": GOOD})
    files = [tmp_path / name for name in ("once.json", "again.json")]
    folder = str(bench.repository.path)

    said = [dit("run", "visits", *MODES, "--editable", folder, "--json", str(file)) for file in files]

    once, again = (report(file) for file in files)
    assert [one.code for one in said] == [3, 3], said
    assert "EDITABLE" in said[0].err
    assert once["origin"] == {"kind": "editable", "path": folder, "reviewed": False}
    assert [one["verdict"] for one in once["comparisons"]] == ["INCOMPARABLE"]
    assert "IDENTICAL as it ran" in once["comparisons"][0]["reason"]
    assert [one["invocations"]["reused"] for one in (once, again)] == [0, 0]


def test_a_folder_that_is_edited_can_fail(bench: Bench, dit: Dit, tmp_path: Path) -> None:
    """A difference is one, whatever ran; the verdict says what."""
    bench.repository.write({"job.sql": APPENDING})

    said = dit("run", "visits", *MODES, "--editable", str(bench.repository.path), "--json", str(tmp_path / "r.json"))

    assert said.code == 1
    assert any("folder that is edited" in text for text in report(tmp_path / "r.json")["comparisons"][0]["warnings"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--editable", "/nowhere"), "is not the top of a git working tree", id="no folder"),
        pytest.param(("--editable", ".", "--commit", "good"), "leave out --commit", id="with a commit"),
    ],
)
def test_an_editable_folder_that_cannot_be(dit: Dit, arguments: tuple[str, ...], message: str) -> None:
    """Refused before anything happens."""
    said = dit("run", "visits", *MODES, *arguments)

    assert (said.code, message in said.err) == (2, True), said


def test_a_snapshot_prints_its_id_alone(bench: Bench, dit: Dit) -> None:
    """For scripts; the changed paths go to stderr."""
    bench.repository.write({"job.sql": APPENDING})

    said = dit("snapshot", "visits", "--print-id")
    of_folder = dit("snapshot", "--repo", str(bench.repository.path), "--print-id")

    assert said.code == 0
    assert said.out == of_folder.out
    assert bench.repository.git("cat-file", "-t", said.out.strip()) == "commit"
    assert "changed: job.sql" in said.err


def test_a_snapshot_is_compared_like_any_commit(bench: Bench, dit: Dit) -> None:
    """`dit diff` takes the working tree for `.`."""
    bench.repository.write({"job.sql": f"{GOOD}\n-- edited\n"})

    said = dit("diff", "visits", "--binding", "before=good", "--binding", "after=.", *MODES, "--fail-on-diff")

    assert said.code == 0, said
    assert "IDENTICAL" in said.out


@pytest.fixture
def remote(bench: Bench, tmp_path: Path) -> Iterator[Repository]:
    folder = tmp_path / "remote"
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    bench.repository.git("remote", "add", "origin", str(folder))
    yield Repository(path=folder)
    bench.repository.git("remote", "remove", "origin")


@pytest.mark.parametrize("kind", planted_secrets(0))
def test_trap_46_a_secret_never_reaches_the_remote(bench: Bench, dit: Dit, remote: Repository, kind: str) -> None:
    """Trap 46: the finding is on the terminal, the push does not happen, and no output holds the secret."""
    line = planted_secrets(7)[kind]
    bench.repository.write({"job.sql": f"{GOOD}\n{line}\n"})

    said = dit("snapshot", "visits", "--push", "--print-id")

    assert (said.code, said.out) == (2, "")
    assert "job.sql:" in said.err
    assert "nothing was pushed" in said.err
    assert remote.git("for-each-ref") == ""
    assert not any(word in said.err for word in line.replace("\n", '"').split('"') if len(word) > 16)


def test_trap_46_what_was_found_long_ago_blocks_nothing(bench: Bench, dit: Dit, remote: Repository) -> None:
    """Trap 46: only the tree to be pushed is scanned, not the history behind it."""
    bench.repository.git("checkout", "--quiet", "-b", "history")
    for text in (planted_secrets(3)["a token of GitHub"], "clean\n"):
        bench.repository.write({"settings.py": text})
        bench.repository.git("add", "settings.py")
        bench.repository.git("commit", "--quiet", "-m", "settings")
    bench.repository.write({"job.sql": f"{GOOD}\n-- edited\n"})

    said = dit("snapshot", "visits", "--push", "--print-id")

    assert said.code == 0, said
    assert "found no secret in" in said.err
    assert remote.git("for-each-ref", "--format=%(refname)") == f"refs/dit-snapshots/visits/{said.out.strip()}"
    assert "settings.py" in remote.git("ls-tree", "--name-only", said.out.strip())
    with pytest.raises(subprocess.CalledProcessError):
        remote.git("rev-parse", "--verify", f"{said.out.strip()}^")


def test_the_scan_can_be_left_out_loudly(
    bench: Bench, dit: Dit, remote: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For one who knows what they do; it is said."""
    bench.repository.write({"job.sql": f"{GOOD}\n{planted_secrets(5)['a password']}\n"})
    monkeypatch.setenv("DIT_SKIP_SECRET_SCAN", "1")

    said = dit("snapshot", "visits", "--push")

    assert (said.code, "NOT SCANNED FOR SECRETS" in said.err) == (0, True)
    assert remote.git("for-each-ref") != ""


def test_a_snapshot_is_removed_on_both_sides(bench: Bench, dit: Dit, remote: Repository) -> None:
    """By its id or the beginning of it; removing it again finds none."""
    bench.repository.write({"job.sql": f"{GOOD}\n-- removed later\n"})
    made = dit("snapshot", "visits", "--push", "--print-id").out.strip()

    said = [dit("snapshot", "clean", "visits", made[:10]) for _ in range(2)]

    assert [one.code for one in said] == [0, 2], said
    assert f"{made} removed (here, origin)" in said[0].out
    assert remote.git("for-each-ref") == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((), "dit snapshot PIPELINE", id="nothing"),
        pytest.param(("visits", "more"), "dit snapshot PIPELINE", id="too much"),
        pytest.param(("visits", "--repo", "."), "dit snapshot PIPELINE", id="both"),
        pytest.param(("nowhere",), "unknown pipeline", id="no pipeline"),
        pytest.param(("--repo", "/"), "is not a git repository", id="no repository"),
        pytest.param(("visits", "--push", "--remote", "--upload-pack=id"), "no remote", id="a remote like an option"),
        pytest.param(("clean", "visits", "--", "$(id)"), "no snapshot", id="a ref like a command"),
        pytest.param(("clean", "visits", ""), "there are", id="no ref"),
    ],
)
def test_wrong_arguments_are_refused(dit: Dit, arguments: tuple[str, ...], message: str) -> None:
    """Each with what to write instead."""
    said = dit("snapshot", *arguments)

    assert (said.code, message in said.err) == (2, True), said
