"""A bare remote that git's own daemon serves over the network, and what people do to it: push, open, fork."""

from __future__ import annotations

import socketserver
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dit_dagster_tests.repositories import Repository


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
    """Git's daemon, one process for each connection to a socket of ours: it could not say which free port it takes."""
    command = ["git", "daemon", "--inetd", "--log-destination=none", "--export-all", "--enable=receive-pack"]
    command += [f"--base-path={folder}", str(folder)]

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            subprocess.run(command, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL)

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
