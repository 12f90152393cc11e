"""What Environments promise. Nothing here needs a package registry."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from dit_dagster.adapters.environments import UvEnvironments, what_it_asks_for
from dit_dagster.adapters.memory import MemoryEnvironments
from dit_dagster.errors import EnvironmentFailed
from dit_dagster.model.identity import Commit, Tree
from dit_dagster.ports import UNKNOWN_ENVIRONMENT, Checkout, Environment, Environments
from dit_dagster_tests.local_packages import a_package

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


def answer(made: Environment, module: str = "lib") -> str:
    """What a module that is installed says."""
    code = f"import {module}; print({module}.ANSWER)"
    done = subprocess.run([made.binaries[0] / "python", "-c", code], capture_output=True, text=True, env={})
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def a_tree(tmp_path: Path, name: str, said: int, **files: str) -> Checkout:
    """A tree with a local package in `lib`, whose module says a number."""
    return a_checkout(tmp_path / name, {"job.py": "", **a_package("lib", f"ANSWER = {said}\n", "lib/"), **files})


LISTS = {
    "path": {"requirements.lock": "./lib\n"},
    "editable": {"requirements.lock": "-e ./lib\n"},
    "editable in one word": {"requirements.lock": "--editable=./lib\n"},
    "named": {"requirements.lock": "lib @ ./lib\n"},
    "file": {"requirements.lock": "lib @ file:./lib\n"},
    "without a dot": {"requirements.lock": "lib/\n"},
    "quoted comment": {"requirements.lock": "./lib  # ours\n"},
    "included": {"requirements.lock": "-r more/a.txt\n", "more/a.txt": "-r b.txt\n", "more/b.txt": "./lib\n"},
    "constrained and included": {"requirements.lock": "-c a.txt\n-r a.txt\n", "a.txt": "lib @ ./lib\n"},
    "taken from where a constraint says": {"requirements.lock": "lib==1.0\n-c a.txt\n", "a.txt": "lib @ ./lib\n"},
    "not a lock": {"requirements.txt": "./lib\n"},
    "not a lock, editable": {"requirements.txt": "-e ./lib\n"},
    "project": {
        "pyproject.toml": '[project]\nname = "top"\nversion = "1"\ndependencies = ["lib"]\n'
        '[tool.uv.sources]\nlib = { path = "lib" }\n[tool.uv]\npackage = false\n',
        "job.py": "",
    },
}


@pytest.mark.parametrize("listed", [name for name in LISTS if name != "project"])
def test_a_local_dependency_is_part_of_the_identity(uv: UvEnvironments, tmp_path: Path, listed: str) -> None:
    """Lists that read alike lead to other code; the same code in another tree is the same environment."""
    one, two, again = (
        a_tree(tmp_path, name, said, **LISTS[listed], **{"job.py": f"# {name}\n"})
        for name, said in (("one", 1), ("two", 2), ("again", 1))
    )

    assert [answer(uv.ensure(tree)) for tree in (one, two)] == ["1", "2"]
    assert (uv.identity(one) == uv.identity(again), uv.identity(one) == uv.identity(two)) == (True, False)


def test_a_path_that_uvs_own_lock_names_is_part_of_the_identity(uv: UvEnvironments, tmp_path: Path) -> None:
    """The lock holds its name and place, and nothing of its content."""
    one, two, again = (
        a_tree(tmp_path, name, said, **LISTS["project"]) for name, said in (("one", 1), ("two", 2), ("again", 1))
    )
    for tree in (one, two, again):
        command = [str(Path(sys.executable).with_name("uv")), "lock", "--quiet", "--offline"]
        subprocess.run(command, cwd=tree.directory, check=True)

    assert len({(tree.directory / "uv.lock").read_text() for tree in (one, two, again)}) == 1
    assert [answer(uv.ensure(tree)) for tree in (one, two)] == ["1", "2"]
    assert (uv.identity(one) == uv.identity(again), uv.identity(one) == uv.identity(two)) == (True, False)


def test_what_a_project_takes_from_its_own_tree_is_never_a_registrys(tmp_path: Path) -> None:
    """uv resolves it to its bare name, under which a registry may have anything."""
    tree = a_tree(tmp_path, "tree", 7, **LISTS["project"])

    environments = UvEnvironments(tmp_path / "home", {**os.environ, "UV_OFFLINE": "1"})
    environments.identity(tree)

    [kept] = (tmp_path / "home" / "resolutions").glob("*.lock")
    assert kept.read_text() == "./lib\n"


@pytest.mark.parametrize("option", ["-r", "-c", "-r=", "--requirement ", "--constraint="])
def test_an_included_file_is_part_of_the_identity(uv: UvEnvironments, tmp_path: Path, option: str) -> None:
    """However it is written."""
    trees = [
        a_checkout(tmp_path / name, {"requirements.lock": f"{option}more.txt\n", "more.txt": text})
        for name, text in (("one", "a==1\n"), ("two", "a==2\n"), ("again", "a==1\n"))
    ]

    one, two, again = map(uv.identity, trees)

    assert (one == again, one == two) == (True, False)


def test_the_folder_of_wheels_that_a_lock_names_is_part_of_the_identity(uv: UvEnvironments, tmp_path: Path) -> None:
    """A version may be published twice."""
    one, two = (
        uv.identity(
            a_checkout(
                tmp_path / name, {"requirements.lock": "-f ./wheels\na==1\n", "wheels/a-1-py3-none-any.whl": name}
            )
        )
        for name in ("one", "two")
    )

    assert one != two


def test_a_local_package_that_reaches_out_of_its_folder_stands_on_the_whole_tree(
    uv: UvEnvironments, tmp_path: Path
) -> None:
    """What it reads there while it is built is not to be told from outside."""
    reaching = {"lib/setup.cfg": "[metadata]\nversion = file: ../VERSION\n"}
    one, two = (
        uv.identity(a_tree(tmp_path, name, 1, **{**LISTS["path"], **reaching, "VERSION": name}))
        for name in ("one", "two")
    )

    assert one != two


def test_a_local_dependency_behind_a_link_is_part_of_the_identity(uv: UvEnvironments, tmp_path: Path) -> None:
    """The link is the same in both trees, and what it leads to is not."""
    trees = [
        a_tree(tmp_path, name, said, **{"requirements.lock": "./way\n"}) for name, said in (("one", 1), ("two", 2))
    ]
    for tree in trees:
        (tree.directory / "way").symlink_to("lib")

    assert [answer(uv.ensure(tree)) for tree in trees] == ["1", "2"]


@pytest.mark.parametrize(
    "named", ["../lib", "-e ../lib", "lib @ file:///nowhere/lib", "-r ../more.txt", "-f ../wheels"]
)
def test_what_lies_outside_of_the_tree_is_refused(uv: UvEnvironments, tmp_path: Path, named: str) -> None:
    """It is nobody's commit."""
    checkout = a_checkout(tmp_path / "tree", {"requirements.lock": f"{named}\n"})

    with pytest.raises(EnvironmentFailed, match="outside of its tree"):
        uv.identity(checkout)


@pytest.mark.parametrize("named", ["a @ https://example.org/a-1-py3-none-any.whl", "-r https://example.org/list.txt"])
def test_what_another_day_may_bring_otherwise_is_refused(uv: UvEnvironments, named: str, tmp_path: Path) -> None:
    """An address without a hash. With one, or at the full id of a commit, it is what it is."""
    held = "a @ git+https://example.org/a@" + "0" * 40 + "\nb @ https://example.org/b-1.whl#sha256=" + "0" * 64
    uv.identity(a_checkout(tmp_path / "held", {"requirements.lock": held}))

    with pytest.raises(EnvironmentFailed, match=r"another day may bring another|could not be built"):
        uv.identity(a_checkout(tmp_path / "loose", {"requirements.lock": f"{named}\n"}))


def test_a_lock_that_leaves_out_what_it_needs_is_no_lock(uv: UvEnvironments, tmp_path: Path) -> None:
    """What it leaves out would be of another version on another day."""
    other = a_checkout(tmp_path / "other", a_package("other", ""))
    uv_ = str(Path(sys.executable).with_name("uv"))
    build = [uv_, "build", "--wheel", "--quiet", "-o", str(tmp_path / "wheels")]
    subprocess.run(build, cwd=other.directory, check=True)
    files = a_package("lib", "ANSWER = 1\n", "lib/", dependencies='"other"')
    for name, lock in (("short", ""), ("whole", "other==1.0\n")):
        checkout = a_checkout(tmp_path / name, {"requirements.lock": f"-f ./wheels\n./lib\n{lock}", **files})
        shutil.copytree(tmp_path / "wheels", checkout.directory / "wheels")

        with pytest.raises(EnvironmentFailed, match="does not name other") if name == "short" else nullcontext():
            uv.ensure(checkout)


def test_a_phase_gets_an_installation_of_its_own(uv: UvEnvironments, tmp_path: Path) -> None:
    """With its programs, which run on it. What is left beside the program is seen by nobody else, and gone after."""
    code = "import pathlib\nANSWER = pathlib.Path(__file__).with_name('kept.txt')\ndef main(): print(ANSWER)\n"
    shared = uv.ensure(a_checkout(tmp_path / "tree", {**a_package("tool", code), "requirements.lock": ""}))

    with uv.working_copy(shared) as own, uv.working_copy(shared) as other:
        ran = subprocess.run([own.binaries[0] / "tool"], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
        kept = Path(ran.stdout.strip())
        kept.write_text("left")
        before = (uv.altered(own, shared), uv.altered(other, shared))

        assert kept.is_relative_to(own.directory)
        assert before == ((), ())
        assert not Path(answer(other, "tool")).exists()

        kept.with_name("tool.py").write_text("ANSWER = 'other'\n")
        after = (uv.altered(own, shared), uv.altered(other, shared))

    assert [bool(one) for one in after] == [True, False]
    assert not own.directory.exists()


def _append(file: Path) -> None:
    times = file.stat()
    with file.open("ab") as opened:
        opened.write(b"# edited")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def _same_size(file: Path) -> None:
    times = file.stat()
    file.write_text(file.read_text().replace("1", "2"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def _replaced(file: Path) -> None:
    text = file.read_text()
    file.unlink()
    file.write_text(text.replace("1", "2"))


def _lead_elsewhere(link: Path) -> None:
    link.unlink()
    link.symlink_to("/bin/true")


EDITS: Mapping[str, Callable[[Path], object]] = {
    "appended": lambda packages: _append(packages / "lib.py"),
    "of the same size and time": lambda packages: _same_size(packages / "lib.py"),
    "replaced": lambda packages: _replaced(packages / "lib.py"),
    "removed": lambda packages: (packages / "lib.py").unlink(),
    "compiled": lambda packages: _append(next((packages / "__pycache__").glob("lib.*.pyc"))),
    "site": lambda packages: (packages / "sitecustomize.py").write_text("import builtins\n"),
    "path": lambda packages: (packages / "more.pth").write_text("/tmp\n"),
    "folder": lambda packages: (packages / "shadow").mkdir(),
    "configuration": lambda packages: _append(packages.parents[2] / "pyvenv.cfg"),
    "script": lambda packages: (packages.parents[2] / "bin" / "job").write_text("#!/bin/sh\n"),
    "interpreter": lambda packages: _lead_elsewhere(packages.parents[2] / "bin" / "python"),
}


@pytest.mark.parametrize("layer", ["environments", "dependencies"])
@pytest.mark.parametrize("edit", EDITS)
def test_an_environment_that_was_edited_is_found_out_and_built_again(tmp_path: Path, layer: str, edit: str) -> None:
    """While it is used, and by whoever uses it next; what is built again does not come from what was edited."""
    files = a_package("lib", "ANSWER = 1\n", "" if layer == "environments" else "lib/")
    lock = "" if layer == "environments" else "./lib\n"
    checkout = a_checkout(tmp_path / "tree", {**files, "requirements.lock": lock})
    variables = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache")}
    uv = UvEnvironments(tmp_path / "home", variables)
    shared = uv.ensure(checkout)
    [packages] = (tmp_path / "home" / layer).glob("*/lib/python*/site-packages")
    said: list[str] = []

    with uv.working_copy(shared) as own:
        before = uv.altered(own, shared)
        EDITS[edit](packages)
        after = uv.altered(own, shared)
    again = UvEnvironments(tmp_path / "home", variables).ensure(checkout, said.append)

    assert (before, bool(after)) == ((), True)
    assert "was altered; the environment is built again" in said[0]
    assert answer(again) == "1"


def test_an_environment_that_was_touched_only_is_used(uv: UvEnvironments, tmp_path: Path) -> None:
    """A copied or touched file holds what it held."""
    checkout = a_checkout(tmp_path / "tree", {**a_package("lib", "ANSWER = 1\n"), "requirements.lock": ""})
    shared = uv.ensure(checkout)
    said: list[str] = []
    for file in shared.directory.rglob("*.py"):
        file.touch()

    again = UvEnvironments(tmp_path / "home", {**os.environ, "UV_OFFLINE": "1"}).ensure(checkout, said.append)

    assert (again, said, uv.altered(shared, shared)) == (shared, [], ())


def test_a_home_that_was_moved_is_built_again(uv: UvEnvironments, tmp_path: Path) -> None:
    """An environment names the places of its parts: in a copy it would run what lies at the old one."""
    checkout = a_checkout(
        tmp_path / "tree", {**a_package("lib", "ANSWER = 1\n", "lib/"), "requirements.lock": "./lib\n"}
    )
    uv.ensure(checkout)
    (tmp_path / "home").rename(tmp_path / "moved")

    made = UvEnvironments(tmp_path / "moved", {**os.environ, "UV_OFFLINE": "1"}).ensure(checkout)

    assert answer(made) == "1"


def test_a_plan_runs_nothing_of_the_commit(uv: UvEnvironments, tmp_path: Path) -> None:
    """Where only a build can tell what is needed, it is unknown until it may run; what is static is told."""
    touched = tmp_path / "touched"
    ran = f"pathlib.Path({str(touched)!r}).touch()"
    setup = f"import pathlib\n{ran}\n{PACKAGE}"
    dynamic = a_checkout(tmp_path / "dynamic", a_package("tool", "", dynamic=True, building=ran))
    static = a_checkout(tmp_path / "static", a_package("tool", ""))
    script = a_checkout(tmp_path / "script", {"setup.py": setup, "tool.py": ""})
    local = a_checkout(
        tmp_path / "local", {"requirements.txt": "./lib\n", **a_package("lib", "", "lib/", dynamic=True)}
    )

    told = [uv.identity(one, may_run_code=False) for one in (dynamic, script, local, static)]

    assert told[:3] == [UNKNOWN_ENVIRONMENT] * 3
    assert told[3] == uv.identity(static)
    assert not touched.exists()
    assert uv.identity(dynamic) == uv.identity(dynamic, may_run_code=False) != UNKNOWN_ENVIRONMENT


def test_a_build_sees_no_credentials(tmp_path: Path) -> None:
    """Nor the home directory, in which programs look for more of them; and it leaves the checkout as it was."""
    seen = tmp_path / "seen.json"
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "k",
        "GITHUB_TOKEN": "k",
        "DIT_GITHUB_APP_KEY_FILE": "/k",
        "GOOGLE_APPLICATION_CREDENTIALS": "/k",
        "SOMETHING_ELSE": "k",
        "UV_PUBLISH_TOKEN": "k",
        "PYTHONPATH": "/k",
    }
    building = f"pathlib.Path({str(seen)!r}).write_text(json.dumps(dict(os.environ)))"
    uv = UvEnvironments(tmp_path / "home", {**os.environ, **secrets, "UV_OFFLINE": "1"})
    checkout = a_checkout(tmp_path / "tree", {**a_package("tool", "", building=building), "requirements.lock": ""})

    uv.ensure(checkout)

    variables = json.loads(seen.read_text())
    assert not secrets.keys() & variables.keys()
    assert variables["HOME"] != os.environ.get("HOME")
    assert not (checkout.directory / "built.txt").exists()


def test_one_build_does_not_wait_for_another(uv: UvEnvironments, tmp_path: Path) -> None:
    """Names have dots, in versions of Python; a lock each. Whoever does wait is told."""
    one = a_checkout(tmp_path / "one", BARE)
    two = a_checkout(tmp_path / "two", {**BARE, "requirements.lock": "# two\n"})
    held = tmp_path / "home" / "dependencies" / f"{uv.identity(one)}.wait"
    held.parent.mkdir(parents=True)
    said: list[str] = []

    with held.open("w") as handle, ThreadPoolExecutor(1) as pool:
        fcntl.flock(handle, fcntl.LOCK_EX)
        waiting = pool.submit(uv.ensure, one, said.append)
        uv.ensure(two)
        deadline = time.monotonic() + 30
        while not said and time.monotonic() < deadline:
            time.sleep(0.05)
        fcntl.flock(handle, fcntl.LOCK_UN)
        made = waiting.result()

    assert made.directory.is_dir()
    assert said == [f"waiting for another process that builds {uv.identity(one)}"]
