"""What Environments promise. Nothing here needs a package registry."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dit_dagster.adapters.environments import UvEnvironments, what_it_asks_for
from dit_dagster.adapters.memory import MemoryEnvironments
from dit_dagster.errors import EnvironmentFailed
from dit_dagster.model.identity import Commit, Tree
from dit_dagster.ports import Checkout, Environments

BARE = {"job.py": "print('ran')\n", "requirements.lock": ""}


@pytest.fixture(params=["uv", "memory"])
def environments(request: pytest.FixtureRequest, tmp_path: Path) -> Environments:
    if request.param == "uv":
        return UvEnvironments(tmp_path / "home", {**os.environ, "UV_OFFLINE": "1"})
    return MemoryEnvironments()


def a_checkout(folder: Path, files: Mapping[str, str]) -> Checkout:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return Checkout(directory=folder, commit=Commit("c" * 40), tree=Tree("a" * 40))


def test_the_identity_is_known_before_anything_is_built(environments: Environments, tmp_path: Path) -> None:
    """And is the one that is built."""
    checkout = a_checkout(tmp_path / "tree", BARE)

    before = environments.identity(checkout)

    assert environments.ensure(checkout).identity == before == environments.identity(checkout)


def test_an_environment_is_built_once(environments: Environments, tmp_path: Path) -> None:
    """Four threads at once and whoever comes later get the same one."""
    checkout = a_checkout(tmp_path / "tree", BARE)

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: environments.ensure(checkout), range(4)))

    assert found == {environments.ensure(checkout)}


@pytest.fixture
def uv(tmp_path: Path) -> UvEnvironments:
    """Without a network: what would ask a registry fails."""
    return UvEnvironments(tmp_path / "home", {**os.environ, "UV_OFFLINE": "1"})


def test_another_lock_is_another_identity(uv: UvEnvironments, tmp_path: Path) -> None:
    """Equal locks of different trees are one."""
    bare = uv.identity(a_checkout(tmp_path / "one", BARE))
    same = uv.identity(a_checkout(tmp_path / "two", {**BARE, "job.py": "print('other')\n"}))
    other = uv.identity(a_checkout(tmp_path / "three", {**BARE, "requirements.lock": "# other\n"}))

    assert (bare == same, bare == other) == (True, False)


def test_an_environment_has_an_interpreter_of_its_own(uv: UvEnvironments, tmp_path: Path) -> None:
    """It sees nothing of what is installed around this project."""
    made = uv.ensure(a_checkout(tmp_path / "tree", BARE))
    code = "import sys, importlib.util; print(sys.prefix, importlib.util.find_spec('dagster'))"

    done = subprocess.run([made.binaries[0] / "python", "-c", code], capture_output=True, text=True, env={})

    assert done.stdout.split() == [str(made.directory), "None"]


def test_what_was_half_built_is_built_again(uv: UvEnvironments, tmp_path: Path) -> None:
    """A process that was killed left a directory without its mark of completeness."""
    checkout = a_checkout(tmp_path / "tree", BARE)
    made = uv.ensure(checkout)
    (made.directory / "complete").unlink()
    (made.directory / "bin" / "python").unlink()

    again = uv.ensure(checkout)

    assert (again.binaries[0] / "python").exists()


def test_a_lock_that_cannot_be_installed_is_named(uv: UvEnvironments, tmp_path: Path) -> None:
    """With the commit, and what uv said."""
    checkout = a_checkout(tmp_path / "tree", {**BARE, "requirements.lock": "no-such-package-anywhere==1.0\n"})

    with pytest.raises(
        EnvironmentFailed, match=f"the environment of {checkout.commit} could not be built: uv pip said"
    ):
        uv.ensure(checkout)


def test_a_tree_without_a_lock_is_resolved_once(uv: UvEnvironments, tmp_path: Path) -> None:
    """The resolution is kept, and is part of the identity; a tree that asks for nothing resolves to nothing."""
    checkout = a_checkout(tmp_path / "tree", {"job.py": "", "requirements.txt": "# nothing\n"})

    identity = uv.identity(checkout)
    [kept] = (tmp_path / "home" / "resolutions").glob("*.lock")
    kept.write_text("# resolved differently\n", encoding="utf-8")

    assert uv.identity(checkout) != identity


PACKAGE = """
from setuptools import setup
setup(name="tool", version="1", py_modules=["tool"], entry_points={"console_scripts": ["tool = tool:main"]})
"""


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        pytest.param("tool-a==1.0\n# note\ntool-b[x]==2.0; python_version > '3'\n", "requirements.txt", id="pins"),
        pytest.param("tool-a==1.0\ntool-b>=2.0\n", "setup.py", id="ranges"),
        pytest.param("# nothing\n", "setup.py", id="nothing"),
        pytest.param(None, "setup.py", id="no list"),
    ],
)
def test_exact_pins_are_preferred_to_what_a_package_asks_for(tmp_path: Path, listed: str | None, asked: str) -> None:
    """A package names ranges, and what they allow changes by the day."""
    (tmp_path / "setup.py").write_text(PACKAGE, encoding="utf-8")
    if listed is not None:
        (tmp_path / "requirements.txt").write_text(listed, encoding="utf-8")

    assert what_it_asks_for(tmp_path) == (asked,)


def test_declared_requirements_come_before_what_the_tree_would_be_asked(tmp_path: Path) -> None:
    """A tree whose needs are in files of other names; one that is missing is named."""
    variables = {**os.environ, "UV_OFFLINE": "1"}
    checkout = a_checkout(tmp_path / "tree", {"job.py": "", "needs.txt": "# nothing\n", "more.txt": "nowhere==1\n"})
    one = UvEnvironments(tmp_path / "home", variables, requirements=["needs.txt"])

    one.ensure(checkout)

    with pytest.raises(EnvironmentFailed, match="nowhere"):
        UvEnvironments(tmp_path / "home", variables, requirements=["needs.txt", "more.txt"]).ensure(checkout)
    with pytest.raises(EnvironmentFailed, match=r"absent\.txt"):
        UvEnvironments(tmp_path / "home", variables, requirements=["absent.txt"]).ensure(checkout)


def test_what_an_image_happens_to_have_is_asked_for_besides(tmp_path: Path) -> None:
    """A program that does not name all that it needs; without a registry the name shows that it was asked for."""
    checkout = a_checkout(tmp_path / "tree", {"job.py": ""})
    plain, more = (
        UvEnvironments(tmp_path / "home", {**os.environ, "UV_OFFLINE": "1"}, packages=packages)
        for packages in ((), ("nowhere-to-be-found<9",))
    )

    plain.ensure(checkout)

    with pytest.raises(EnvironmentFailed, match="nowhere-to-be-found"):
        more.ensure(checkout)
