"""The Environments port on uv: one isolated environment per tree, interpreter and what is installed.

A tree that brings a lock (`requirements.lock` that pins all it names, or `uv.lock`) is installed from it. Any other is
resolved once, from the files that are declared, else from `requirements.lock` or a `requirements.txt` that pins all it
names, else from what the package asks for; with the packages that are declared besides. The resolution is kept beside
the environments, and part of the identity; so is the content of all that it leads to in the tree.

uv runs in an environment of its own, without credentials, on a copy of what it may read. Every layer is compared with
the record of what was built before it is used: one that was altered is built again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from packaging.version import InvalidVersion, Version

from dit_dagster.adapters.installations import RECORD, Record, kept_record, record_of
from dit_dagster.adapters.requirements import (
    Needs,
    Outside,
    content_of,
    needs_of,
    normalised,
    without_editables,
)
from dit_dagster.errors import EnvironmentFailed, UsageError
from dit_dagster.model.identity import ImageDigest
from dit_dagster.ports import UNKNOWN_ENVIRONMENT, Checkout, Environment

_LOCKS = ("requirements.lock", "uv.lock")
_PROJECTS = ("pyproject.toml", "setup.py")
_PINNED = re.compile(r"[A-Za-z0-9][\w.-]*(\[[^\]]*\])?\s*(==|@)")
_WAITING = 2.0
_PATIENCE = 0.1

_PASSED = re.compile(
    r"PATH|LANG|LC_ALL|LC_CTYPE|(https?|no|all|ftp)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|GIT_SSL_CAINFO|UV_(CACHE_DIR|OFFLINE|NO_CACHE|NATIVE_TLS|SYSTEM_CERTS|INSECURE_HOST|KEYRING_PROVIDER)"
    r"|UV_(DEFAULT_INDEX|INDEX|INDEX_\w+|EXTRA_INDEX_URL|FIND_LINKS|HTTP_\w+|REQUEST_TIMEOUT|CONCURRENT_\w+)",
    re.IGNORECASE,
)
"""What uv, and the build backends that it runs, get of the variables: the way to registries, and nothing else."""


class UvEnvironments:
    """Environments below `home`, made with uv and the interpreter that runs this."""

    def __init__(
        self,
        home: Path,
        variables: Mapping[str, str],
        *,
        requirements: Sequence[str] = (),
        packages: Sequence[str] = (),
    ) -> None:
        self._home = home.absolute()
        self._requirements = tuple(requirements)
        self._packages = tuple(packages)
        self._variables = _clean(variables)
        self._settings = Path(variables.get("XDG_CONFIG_HOME") or Path.home() / ".config", "uv", "uv.toml")
        self._records: dict[Path, Record] = {}
        self._uv = _find_uv()

    def identity(self, checkout: Checkout, *, may_run_code: bool = True) -> str:
        try:
            lock = self._lock(checkout, may_run_code=may_run_code)
        except _NeedsCode:
            return UNKNOWN_ENVIRONMENT
        return f"{platform.python_implementation().lower()}-{platform.python_version()}-{self._key(checkout, lock)}"

    def image(self, checkout: Checkout) -> ImageDigest | None:  # noqa: ARG002  # no containers
        return None

    def ensure(self, checkout: Checkout, say: Callable[[str], None] = lambda _: None) -> Environment:
        identity = self.identity(checkout)
        dependencies = self._home / "dependencies" / identity
        directory = self._home / "environments" / f"{self._name(checkout)}-{identity}"
        self._once(dependencies, lambda: self._install_dependencies(checkout, dependencies), say)
        self._once(directory, lambda: self._install_program(checkout, directory, dependencies), say)
        return Environment(
            directory=directory,
            binaries=(directory / "bin", dependencies / "bin"),
            identity=identity,
            # A step that compiles what it imports would write into what others run.
            variables={"PYTHONDONTWRITEBYTECODE": "1"},
        )

    @contextmanager
    def working_copy(self, environment: Environment) -> Iterator[Environment]:
        with self._place(environment.identity) as place:
            # Copied, and not linked: what is written into a file would be in everybody's.
            own = shutil.copytree(
                environment.directory, place / "installed", symlinks=True, ignore=shutil.ignore_patterns(RECORD)
            )
            yield replace(environment, directory=own, binaries=(own / "bin", *environment.binaries[1:]))

    def altered(self, environment: Environment, shared: Environment) -> tuple[str, ...]:
        layers = [shared.directory, *(binaries.parent for binaries in shared.binaries[1:])]
        found = [f"{layer.name}/{path}" for layer in layers for path in self._differences(layer)]
        if environment.directory != shared.directory:
            record = self._records.get(shared.directory)
            found += record.altered_in_copy(environment.directory) if record is not None else ["its record"]
        return tuple(found)

    def _differences(self, directory: Path) -> tuple[str, ...]:
        """How a layer differs from what this process found, or built, when it was to be used."""
        record = self._records.get(directory)
        try:
            return record.differences(directory) if record is not None else (RECORD,)
        except FileNotFoundError as error:
            return (str(error.filename),)

    def _once(self, directory: Path, build: Callable[[], None], say: Callable[[str], None]) -> None:
        """A layer that is complete and as it was built is used; any other is built."""
        with suppress(FileNotFoundError):
            os.utime(directory)  # the clean-up goes by the last use
        if self._is_as_built(directory):
            return
        with _only_one(_lock_of(directory), lambda: say(f"waiting for another process that builds {directory.name}")):
            if self._is_as_built(directory):
                return
            kept = kept_record(directory)
            if kept is not None:
                say(f"{self._differences(directory)[0]} in {directory} was altered; the environment is built again")
            shutil.rmtree(directory, ignore_errors=True)
            build()
            record = record_of(directory)
            record.write()
            self._records[directory] = record

    def _is_as_built(self, directory: Path) -> bool:
        record = kept_record(directory)
        if record is None:
            return False
        self._records[directory] = record
        return not self._differences(directory)

    def _install_dependencies(self, checkout: Checkout, directory: Path) -> None:
        """What the lock names. Compiled here once: otherwise every parallel step's first import would."""
        lock = self._lock(checkout)
        needs = self._needs(checkout, lock)
        with self._place(checkout.commit) as place:
            tree = place / "tree"
            _copy(checkout.directory, tree, needs)
            # Where it was, since what it leads to is named relative to that.
            listed = tree / ".installed.lock"
            listed.write_text(without_editables(lock), encoding="utf-8")
            self._venv(checkout, directory, place)
            hashes = ["--require-hashes"] if "--hash=" in lock else []
            options = (*self._target(directory), "--no-editable", *hashes, "-r", str(listed))
            self._run(checkout, place, "pip", "install", "--quiet", *options)
            self._refuse_other_than(needs, checkout, directory, place)

    def _refuse_other_than(self, needs: Needs, checkout: Checkout, directory: Path, place: Path) -> None:
        """What was installed is read back: the lock names each package, at that version.

        What it leaves out would be another version on another day, under the same identity.
        """
        listed = self._run(checkout, place, "pip", "freeze", "--quiet", "--python", str(directory / "bin" / "python"))
        published = (line for line in listed.splitlines() if line and "file://" not in line)
        for name, version in (_name_and_version(line) for line in published):
            if name not in needs.versions:
                raise EnvironmentFailed(
                    f"the lock of {checkout.commit} does not name {name}, which it needs, so that another day would "
                    "install another version; complete it with 'uv pip compile' and commit it"
                )
            named = needs.versions[name]
            if version and named and not any(_is_same(version, one) for one in named):
                raise EnvironmentFailed(
                    f"{name} {version} was installed for {checkout.commit}, and its lock says {', '.join(named)}; look "
                    "for overrides or constraints in a pyproject.toml or uv.toml around DIT_HOME"
                )

    def _install_program(self, checkout: Checkout, directory: Path, dependencies: Path) -> None:
        """The tree's own package, over its dependencies: a new tree with an old lock costs a moment."""
        with self._place(checkout.commit) as place:
            self._venv(checkout, directory, place)
            leads = _packages(directory) / "dependencies.pth"
            leads.write_text(f"{_packages(dependencies)}\n", encoding="utf-8")
            if any((checkout.directory / name).exists() for name in _PROJECTS):
                source = self._source(checkout, place)
                editable = ["--editable"] if checkout.editable else []
                options = (*self._target(directory), "--no-deps", *editable, str(source))
                self._run(checkout, place, "pip", "install", "--quiet", *options)

    def _venv(self, checkout: Checkout, directory: Path, place: Path) -> None:
        """Relocatable, since each phase runs in a copy."""
        options = ("--quiet", "--relocatable", "--python", sys.executable, "--no-project")
        self._run(checkout, place, "venv", *options, str(directory))

    @staticmethod
    def _target(directory: Path) -> tuple[str, ...]:
        """Copies: a link would lead what is written into a file to uv's cache, and so to every later environment."""
        return ("--python", str(directory / "bin" / "python"), "--compile-bytecode", "--link-mode", "copy")

    def _source(self, checkout: Checkout, place: Path) -> Path:
        """What is built lies in a copy: a build writes beside its sources. A folder that is run as it lies, itself."""
        if checkout.editable:
            return checkout.directory
        if not (place / "tree").exists():
            shutil.copytree(checkout.directory, place / "tree", symlinks=True)
        return place / "tree"

    def _key(self, checkout: Checkout, lock: str) -> str:
        """The list alone, if it names registries only; else with the content of what it leads to."""
        needs = self._needs(checkout, lock)
        held = f"{lock}\0{content_of(needs, checkout.directory)}" if needs.is_local else lock
        return hashlib.sha256(held.encode()).hexdigest()[:16]

    def _needs(self, checkout: Checkout, lock: str) -> Needs:
        try:
            needs = needs_of(lock, checkout.directory)
        except Outside as error:
            raise EnvironmentFailed(
                f"{checkout.commit} needs {error}, which lies outside of its tree, so that nobody can tell what it "
                "holds; move it into the repository, or name a published version"
            ) from None
        if needs.loose:
            raise EnvironmentFailed(
                f"{checkout.commit} needs {needs.loose[0]}, of which another day may bring another; name one version, "
                "the full id of a commit, or a hash (#sha256=...)"
            )
        return needs

    def _lock(self, checkout: Checkout, *, may_run_code: bool = True) -> str:
        """The list that is installed. A list with requirements of no one version is no lock: it is resolved."""
        listed, locked = (checkout.directory / name for name in _LOCKS)
        if listed.exists():
            text = listed.read_text(encoding="utf-8")
            if not self._loose(checkout, text):
                return text
        elif locked.exists():
            return self._exported(checkout)
        kept = self._resolution(checkout, may_run_code=may_run_code)
        return kept.read_text(encoding="utf-8")

    @staticmethod
    def _loose(checkout: Checkout, text: str) -> bool:
        with suppress(Outside):
            return bool(needs_of(text, checkout.directory).loose)
        return False

    def _exported(self, checkout: Checkout) -> str:
        options = ("--frozen", "--no-emit-project", "--no-dev", "--quiet", "--no-header", "--no-annotate")
        with self._place(checkout.commit) as place:
            return self._run(checkout, place, "export", *options, "--project", str(checkout.directory))

    def _resolution(self, checkout: Checkout, *, may_run_code: bool) -> Path:
        """What a tree without a lock needs, resolved once per tree and interpreter.

        Pins of another interpreter are kept, and completed with what this one needs besides.
        """
        name = f"{self._name(checkout)}{self._declared}-{platform.python_version()}"
        kept = self._home / "resolutions" / f"{name}.lock"
        if kept.exists():
            return kept
        with _only_one(_lock_of(kept)):
            if not kept.exists():
                resolved = self._resolved(checkout, may_run_code=may_run_code)
                partial = kept.with_name(f"{name}.partial")
                partial.write_text(resolved, encoding="utf-8")
                partial.rename(kept)
        return kept

    @property
    def _declared(self) -> str:
        """What tells the resolution of a declaration from that of another."""
        declared = (self._requirements, self._packages)
        return f"-{hashlib.sha256(repr(declared).encode()).hexdigest()[:8]}" if any(declared) else ""

    def _resolved(self, checkout: Checkout, *, may_run_code: bool) -> str:
        asks = list(self._requirements or what_it_asks_for(checkout.directory))
        self._refuse_outside(checkout, asks)
        with self._place(checkout.commit) as place:
            tree = shutil.copytree(checkout.directory, place / "tree", symlinks=True)
            if self._packages:
                (place / "besides.txt").write_text("".join(f"{one}\n" for one in self._packages), encoding="utf-8")
                asks.append(str(place / "besides.txt"))
            if not asks:
                return ""
            options = ["--quiet", "--no-header", "--no-annotate", "--python", sys.executable]
            if may_run_code:
                text = self._run(checkout, place, "pip", "compile", *options, *asks, inside=tree)
            else:
                try:
                    text = self._run(checkout, place, "pip", "compile", *options, "--no-build", *asks, inside=tree)
                except EnvironmentFailed:
                    raise _NeedsCode from None
            return _with_sources(text.replace(tree.as_uri(), ".").replace(f"file://{tree}", "."), tree)

    def _refuse_outside(self, checkout: Checkout, asks: Sequence[str]) -> None:
        for one in asks:
            if not (checkout.directory / one).resolve().is_relative_to(checkout.directory.resolve()):
                raise EnvironmentFailed(
                    f"code.requirements names {one}, which lies outside of the tree of {checkout.commit}: what it "
                    "holds is not the commit's; move it into the repository"
                )

    def _name(self, checkout: Checkout) -> str:
        """What an environment is called after: the tree; of a folder that changes, what says what to install."""
        if not checkout.editable:
            return checkout.directory.name
        asks = [checkout.directory / name for name in (*_PROJECTS, *_LOCKS, "requirements.txt", *self._requirements)]
        content = b"".join(file.read_bytes() for file in asks if file.is_file())
        return f"editable-{hashlib.sha256(str(checkout.directory).encode() + content).hexdigest()[:20]}"

    @contextmanager
    def _place(self, name: str) -> Iterator[Path]:
        """A folder that nobody else has, gone afterwards; one that is left is collected with the working copies."""
        working = self._home / "working"
        working.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=working, prefix=f"{name[:12]}-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _run(self, checkout: Checkout, place: Path, *arguments: str, inside: Path | None = None) -> str:
        """Run uv. What it builds gets a home of its own, and none of the credentials around it."""
        home = place / "home"
        (home / ".config" / "uv").mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            shutil.copyfile(self._settings, home / ".config" / "uv" / "uv.toml")
        done = subprocess.run(
            [self._uv, *arguments],
            cwd=inside or (place / "tree" if (place / "tree").is_dir() else place),
            env={**self._variables, "HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            last = " / ".join(line.strip() for line in done.stderr.strip().splitlines()[-4:])
            raise EnvironmentFailed(
                f"the environment of {checkout.commit} could not be built: uv {arguments[0]} said: {last}"
            )
        return done.stdout


class _NeedsCode(Exception):
    """What is to be installed cannot be told without running code of the commit, or of what it needs."""


def _clean(variables: Mapping[str, str]) -> Mapping[str, str]:
    """The way to programs and registries, without anything that identifies somebody elsewhere."""
    passed = {name: value for name, value in variables.items() if _PASSED.fullmatch(name)}
    caches = variables.get("XDG_CACHE_HOME") or str(Path(variables.get("HOME") or Path.home(), ".cache"))
    return {"UV_CACHE_DIR": str(Path(caches, "uv")), **passed}


def _copy(tree: Path, target: Path, needs: Needs) -> None:
    """What an installation may read of the tree: exactly what is in its identity."""
    if needs.whole:
        shutil.copytree(tree, target, symlinks=True)
        return
    target.mkdir()
    for place in sorted({*needs.files, *needs.places}):
        source, copy = tree / place, target / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, copy)


def _with_sources(text: str, tree: Path) -> str:
    """What the project itself takes from its own tree: uv leaves such a name bare, and a registry's would be taken."""
    try:
        project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
        sources = {normalised(name): told for name, told in project["tool"]["uv"]["sources"].items()}
    except (OSError, ValueError, KeyError, AttributeError):
        return text
    local = {name: told["path"] for name, told in sources.items() if isinstance(told, dict) and "path" in told}
    lines = text.splitlines()
    return "".join(f"./{local[normalised(line)]}\n" if normalised(line) in local else f"{line}\n" for line in lines)


def what_it_asks_for(directory: Path) -> tuple[str, ...]:
    """The file that says what the tree needs: exact pins if there are any, since the package names only ranges."""
    if (directory / _LOCKS[0]).exists():
        return (_LOCKS[0],)
    listed = directory / "requirements.txt"
    if listed.exists() and _pins_everything(listed.read_text(encoding="utf-8")):
        return (listed.name,)
    return tuple(name for name in (*_PROJECTS, listed.name) if (directory / name).exists())[:1]


def _pins_everything(text: str) -> bool:
    """Whether each requirement has one version. Options and comments name none."""
    named = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith(("#", "-"))]
    return bool(named) and all(_PINNED.match(line) for line in named)


def _find_uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise UsageError("uv is not on PATH; install it ('pip install uv'), 'dit doctor' tells what else is missing")
    return found


def _packages(directory: Path) -> Path:
    return directory / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _name_and_version(line: str) -> tuple[str, str]:
    """Of a line of `pip freeze`: `name==version`, or `name @ address`, which has none."""
    name, _, version = line.partition("==")
    return normalised(name.split(" @ ")[0].strip()), version.strip()


def _is_same(version: str, other: str) -> bool:
    try:
        return Version(version) == Version(other) or Version(version).public == other
    except InvalidVersion:
        return version == other


def _lock_of(path: Path) -> Path:
    """A lock of its own for each: versions have dots, so that only the end of the name may be added to."""
    return path.with_name(f"{path.name}.wait")


@contextmanager
def _only_one(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a file lock: of several processes that build one thing, the first builds and the others wait.

    `waiting` is called once, if that takes longer than a moment.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        asked = time.monotonic()
        told = False
        while not _is_locked(handle):
            if not told and time.monotonic() - asked > _WAITING:
                waiting()
                told = True
            time.sleep(_PATIENCE)
        yield


def _is_locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
