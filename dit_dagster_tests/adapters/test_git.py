"""What only git can hold: working trees, indexes, attributes, links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dit_dagster.adapters.git import GitSource
from dit_dagster.errors import DitError, InfrastructureError, UsageError
from dit_dagster.model.identity import Commit
from dit_dagster_tests.repositories import Repository

JOB = {"job.py": "print('committed')\n"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.new(tmp_path / "repository")


@pytest.fixture
def source(repository: Repository, tmp_path: Path) -> GitSource:
    return GitSource(repository.path, tmp_path / "home", os.environ)


def checked_out(source: GitSource, ref: str = "HEAD") -> Path:
    commit = source.resolve(ref)
    return source.checkout(commit, source.tree(commit)).directory


def test_trap_22_a_dirty_working_tree_is_not_what_is_checked_out(repository: Repository, source: GitSource) -> None:
    """Trap 22: neither changed, nor staged, nor untracked files of the user reach a checkout."""
    repository.commit(JOB)
    repository.write({"job.py": "print('edited')\n", "untracked.py": "", "staged.py": ""})
    repository.git("add", "staged.py")

    directory = checked_out(source)

    assert {file.name: file.read_text() for file in directory.iterdir()} == JOB


def test_trap_22_nothing_of_the_repository_is_touched(repository: Repository, source: GitSource) -> None:
    """Trap 22: the index, the working tree and the refs are as they were before."""
    repository.commit(JOB, "v1")
    repository.write({"job.py": "print('edited')\n"})
    index = (repository.path / ".git" / "index").read_bytes()
    refs = repository.git("for-each-ref")

    checked_out(source, "v1")

    assert (repository.path / ".git" / "index").read_bytes() == index
    assert (repository.git("for-each-ref"), repository.git("status", "--short")) == (refs, "M job.py")


def test_the_users_own_git_variables_lead_nowhere(repository: Repository, tmp_path: Path) -> None:
    """A hook sets GIT_DIR and GIT_INDEX_FILE: the declared repository is read all the same."""
    made = repository.commit(JOB)
    variables = {**os.environ, "GIT_DIR": str(tmp_path / "other"), "GIT_INDEX_FILE": "nowhere"}

    assert GitSource(repository.path, tmp_path / "home", variables).resolve("HEAD") == made


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param("secret.py export-ignore\n", id="files left out of archives"),
        pytest.param("job.py export-subst\n", id="text replaced by the commit's id"),
        pytest.param("* text eol=crlf\n", id="other line ends"),
    ],
)
def test_trap_34_a_checkout_is_the_tree_whatever_its_attributes_say(
    repository: Repository, source: GitSource, attributes: str
) -> None:
    """Trap 34: equal trees are equal files, on every machine and for every commit that has them."""
    files = {"job.py": "# $Format:%H$\nprint(1)\n", "secret.py": "x = 1\n", ".gitattributes": attributes}
    repository.commit(files)

    directory = checked_out(source)

    assert {file.name: file.read_bytes().decode() for file in directory.iterdir()} == files


def test_executables_and_links_stay_what_they_are(repository: Repository, source: GitSource) -> None:
    """A script can be run, and a link inside the tree leads to its target."""
    repository.write({"run.sh": "#!/bin/sh\n", "data/a.txt": "a"})
    (repository.path / "run.sh").chmod(0o755)
    (repository.path / "link").symlink_to("data/a.txt")
    repository.commit({})

    directory = checked_out(source)

    assert os.access(directory / "run.sh", os.X_OK)
    assert (directory / "link").read_text() == "a"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../other", "data/../../x"])
def test_a_link_that_leads_outside_is_refused(repository: Repository, source: GitSource, target: str) -> None:
    """What lies outside of the tree is not in its hash."""
    repository.write({"data/a.txt": "a"})
    (repository.path / "link").symlink_to(target)
    repository.commit({})

    with pytest.raises(UsageError, match="the link link leads outside"):
        checked_out(source)


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    """Before anything is done, with the field to correct."""
    with pytest.raises(UsageError, match="is not a git repository; correct `repository`"):
        GitSource(tmp_path, tmp_path / "home", {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})


def test_a_folder_inside_a_repository_is_no_repository(repository: Repository, tmp_path: Path) -> None:
    """Its files would be checked out under the name of the whole tree."""
    repository.commit({"sub/job.py": ""})

    with pytest.raises(UsageError, match="is not the top of its git repository"):
        GitSource(repository.path / "sub", tmp_path / "home", os.environ)


def test_a_machine_without_git_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong use with the remedy, rather than a trace."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UsageError, match="git is not on PATH; install it"):
        GitSource(tmp_path, tmp_path / "home", {})


def test_a_full_disk_is_an_error_of_the_infrastructure(repository: Repository, tmp_path: Path) -> None:
    """Where the checkout cannot be written, the message names commit and place."""
    made = repository.commit(JOB)
    home = tmp_path / "home"
    home.write_text("a file where a folder should be")
    source = GitSource(repository.path, home, os.environ)

    with pytest.raises(InfrastructureError, match=f"cannot check out {made}"):
        source.checkout(Commit(made), source.tree(Commit(made)))


def test_a_half_written_checkout_is_never_taken_for_a_whole_one(
    repository: Repository, source: GitSource, tmp_path: Path
) -> None:
    """What a killed process left behind stands beside, under another name."""
    repository.commit(JOB)
    leftover = tmp_path / "home" / "checkouts" / ".partial-killed"
    leftover.mkdir(parents=True)

    assert [file.name for file in checked_out(source).iterdir()] == ["job.py"]


def test_trap_33_an_ambiguous_abbreviation_is_no_commit(repository: Repository, source: GitSource) -> None:
    """Trap 33: what does not name one commit names none."""
    repository.commit(JOB)

    with pytest.raises(DitError):
        source.resolve("0000")


def test_known_refs_are_read_whatever_comes_last(repository: Repository, source: GitSource) -> None:
    """A branch, a light tag and an annotated one lead to the same commit."""
    made = repository.commit(JOB, "light")
    repository.git("tag", "--annotate", "annotated", "--message", "said")
    repository.git("branch", "other")

    assert dict(source.known()) == dict.fromkeys(("main", "other", "light", "annotated"), Commit(made))


def test_a_repository_without_all_of_a_commit_says_what_to_do(repository: Repository, source: GitSource) -> None:
    """A partial clone has the commit, and not all of its files."""
    repository.commit(JOB)
    blob = repository.git("rev-parse", "HEAD:job.py")
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(UsageError, match=f"does not have object {blob[:12]}, which the commit is made of"):
        checked_out(source)


def test_an_object_that_does_not_hold_what_its_id_says_is_refused(repository: Repository, source: GitSource) -> None:
    """A blob that was overwritten on disk would run under the true id."""
    repository.commit(JOB)
    repository.write({"other.py": "print('other')\n"})
    objects = repository.path / ".git" / "objects"
    ids = [repository.git("rev-parse", "HEAD:job.py"), repository.git("hash-object", "-w", "other.py")]
    blob, other = (objects / one[:2] / one[2:] for one in ids)
    blob.chmod(0o644)
    blob.write_bytes(other.read_bytes())

    with pytest.raises((UsageError, InfrastructureError)):
        checked_out(source)


def test_trap_59_neither_replacements_nor_grafts_change_what_is_seen(repository: Repository, source: GitSource) -> None:
    """Trap 59: of a replaced blob, tree or commit the true one is checked out, and ancestors are the true ones."""
    first = Commit(repository.commit(JOB))
    second = Commit(repository.commit({"job.py": "print('second')\n"}))
    for kind in ("HEAD:job.py", "HEAD^{tree}", "HEAD"):
        repository.git(
            "replace", repository.git("rev-parse", kind), repository.git("rev-parse", kind.replace("HEAD", str(first)))
        )
    grafts = repository.path / ".git" / "info" / "grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{second}\n", encoding="utf-8")

    assert (checked_out(source, str(second)) / "job.py").read_text(encoding="utf-8") == "print('second')\n"
    assert source.is_ancestor(first, second)
