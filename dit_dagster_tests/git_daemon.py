"""A bare remote that git's own daemon serves over the network, and what people do to it: push, open, fork."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dit_dagster_tests.repositories import Repository

_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRemote:
    """A bare repository at `path`, served at `address`, and a `clone` from which things are pushed over the wire."""

    path: Path
    address: str
    clone: Repository

    def push(self, commit: str, *refs: str) -> None:
        """Set refs of the remote to a commit of the clone."""
        self.clone.git("push", "--quiet", "--force", self.address, *(f"{commit}:{ref}" for ref in refs))

    def open_pull(self, number: int, commit: str, *, fork: bool = False) -> None:
        """What a host does when a pull request is opened or pushed to: a ref; with a branch, unless it is a fork's."""
        refs = [f"refs/pull/{number}/head"] + ([] if fork else [f"refs/heads/topic-{number}"])
        self.push(commit, *refs)

    def commit(self, files: Mapping[str, str], *, on: str = "main") -> str:
        """A commit in the clone on top of another, and its full id."""
        self.clone.git("checkout", "--quiet", "--detach", on)
        return self.clone.commit(files)

    def set_refs(self, refs: Mapping[str, str]) -> None:
        """Set many refs at once, in the bare repository itself: as if they had always been there."""
        lines = "".join(f"create {ref}\0{commit}\0" for ref, commit in refs.items())
        command = ["git", "-C", str(self.path), "update-ref", "--stdin", "-z"]
        subprocess.run(command, input=lines.encode(), check=True, capture_output=True)


@contextmanager
def served_remote(folder: Path, clone: Repository | None = None) -> Iterator[ServedRemote]:
    """A remote that holds the clone's `main`; one with a single file is made if there is no clone."""
    if clone is None:
        clone = Repository.new(folder / "clone")
        clone.commit({"README.md": "one\n"})
    bare = folder / "served" / "remote.git"
    bare.parent.mkdir(parents=True)
    clone.git("clone", "--quiet", "--bare", "--no-local", "--single-branch", "--branch=main", ".", str(bare))
    with _daemon(bare.parent) as port:
        yield ServedRemote(path=bare, address=f"git://127.0.0.1:{port}/remote.git", clone=clone)


@contextmanager
def _daemon(folder: Path) -> Iterator[int]:
    port = _free_port()
    command = [
        *("git", "daemon", "--export-all", "--reuseaddr", "--enable=receive-pack", "--listen=127.0.0.1"),
        *(f"--port={port}", f"--base-path={folder}", str(folder)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(port, process)
        yield port
    finally:
        # Of its two processes the second ignores what this one ignores, and the first would wait for it for ever.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
