"""The Environments port on uv: one isolated environment per tree, interpreter and lock.

A tree that brings a lock (`requirements.lock` or `uv.lock`) is installed from it. Any other is resolved once, from the
files that are declared, else from a `requirements.txt` that pins all it names, else from what the package asks for;
with the packages that are declared besides. The resolution is kept beside the environments, and part of the identity.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dit_dagster.errors import EnvironmentFailed, UsageError
from dit_dagster.model.identity import ImageDigest
from dit_dagster.ports import Checkout, Environment

_LOCKS = ("requirements.lock", "uv.lock")
_PROJECTS = ("pyproject.toml", "setup.py")
_PINNED = re.compile(r"[A-Za-z0-9][\w.-]*(\[[^\]]*\])?\s*(==|@)")


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
        self._home = home
        self._requirements = tuple(requirements)
        self._packages = tuple(packages)
        self._variables = {
            name: value for name, value in variables.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")
        }
        self._uv = _find_uv()

    def identity(self, checkout: Checkout) -> str:
        lock = hashlib.sha256(self._lock(checkout).read_bytes()).hexdigest()[:16]
        return f"{platform.python_implementation().lower()}-{platform.python_version()}-{lock}"

    def image(self, checkout: Checkout) -> ImageDigest | None:  # noqa: ARG002  # no containers
        return None

    def ensure(self, checkout: Checkout) -> Environment:
        identity = self.identity(checkout)
        dependencies = self._home / "dependencies" / identity
        directory = self._home / "environments" / f"{_name(checkout)}-{identity}"
        self._once(dependencies, lambda: self._install_dependencies(checkout, dependencies))
        self._once(directory, lambda: self._install_program(checkout, directory, dependencies))
        return Environment(directory=directory, binaries=(directory / "bin", dependencies / "bin"), identity=identity)

    def _once(self, directory: Path, build: Callable[[], None]) -> None:
        complete = directory / "complete"
        with suppress(FileNotFoundError):
            os.utime(directory)  # the clean-up goes by the last use
        if not complete.exists():
            with _only_one(directory.with_suffix(".wait")):
                if not complete.exists():
                    shutil.rmtree(directory, ignore_errors=True)
                    build()
                    complete.touch()

    def _install_dependencies(self, checkout: Checkout, directory: Path) -> None:
        """What the lock names. Compiled here once: otherwise every parallel step's first import would."""
        self._run(checkout, "venv", "--quiet", "--python", sys.executable, "--no-project", str(directory))
        lock = self._lock(checkout)
        if lock.name == "uv.lock":
            exported = self._run(checkout, "export", "--frozen", "--no-emit-project", "--no-dev", "--quiet")
            lock = directory / "exported.lock"
            lock.write_text(exported, encoding="utf-8")
        hashes = ["--require-hashes"] if "--hash=" in lock.read_text(encoding="utf-8") else []
        target = ["--python", str(directory / "bin" / "python"), "--compile-bytecode"]
        self._run(checkout, "pip", "install", "--quiet", *target, *hashes, "-r", str(lock))

    def _install_program(self, checkout: Checkout, directory: Path, dependencies: Path) -> None:
        """The tree's own package, over its dependencies: a new tree with an old lock costs a moment."""
        self._run(checkout, "venv", "--quiet", "--python", sys.executable, "--no-project", str(directory))
        (_packages(directory) / "dependencies.pth").write_text(f"{_packages(dependencies)}\n", encoding="utf-8")
        if any((checkout.directory / name).exists() for name in _PROJECTS):
            target = ["--python", str(directory / "bin" / "python"), "--compile-bytecode"]
            editable = ["--editable"] if checkout.editable else []
            self._run(checkout, "pip", "install", "--quiet", *target, "--no-deps", *editable, str(checkout.directory))

    def _lock(self, checkout: Checkout) -> Path:
        for name in _LOCKS:
            if (checkout.directory / name).exists():
                return checkout.directory / name
        return self._resolution(checkout)

    def _resolution(self, checkout: Checkout) -> Path:
        """What a tree without a lock needs, resolved once per tree and interpreter.

        Pins of another interpreter are kept, and completed with what this one needs besides.
        """
        kept = self._home / "resolutions" / f"{_name(checkout)}{self._declared}-{platform.python_version()}.lock"
        if kept.exists():
            return kept
        with _only_one(kept.with_suffix(".wait")):
            if not kept.exists():
                partial = kept.with_suffix(".partial")
                partial.write_text(self._resolved(checkout, kept.with_suffix(".besides")), encoding="utf-8")
                partial.rename(kept)
        return kept

    @property
    def _declared(self) -> str:
        """What tells the resolution of a declaration from that of another."""
        declared = (self._requirements, self._packages)
        return f"-{hashlib.sha256(repr(declared).encode()).hexdigest()[:8]}" if any(declared) else ""

    def _resolved(self, checkout: Checkout, besides: Path) -> str:
        asks = list(self._requirements or what_it_asks_for(checkout.directory))
        if self._packages:
            besides.write_text("".join(f"{one}\n" for one in self._packages), encoding="utf-8")
            asks.append(str(besides))
        options = ("--quiet", "--no-header", "--no-annotate", "--python", sys.executable)
        return self._run(checkout, "pip", "compile", *options, *asks) if asks else ""

    def _run(self, checkout: Checkout, *arguments: str) -> str:
        command = [self._uv, *arguments]
        done = subprocess.run(
            command, cwd=checkout.directory, env=self._variables, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            last = " / ".join(line.strip() for line in done.stderr.strip().splitlines()[-4:])
            raise EnvironmentFailed(
                f"the environment of {checkout.commit} could not be built: uv {arguments[0]} said: {last}"
            )
        return done.stdout


def _name(checkout: Checkout) -> str:
    """What an environment is called after: the tree; of a folder that changes, what says what to install."""
    if not checkout.editable:
        return checkout.directory.name
    asks = [checkout.directory / name for name in (*_PROJECTS, "requirements.txt")]
    content = b"".join(file.read_bytes() for file in asks if file.exists())
    return f"editable-{hashlib.sha256(str(checkout.directory).encode() + content).hexdigest()[:20]}"


def what_it_asks_for(directory: Path) -> tuple[str, ...]:
    """The file that says what the tree needs: exact pins if there are any, since the package names only ranges."""
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


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a file lock: of several processes that build one thing, the first builds and the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
