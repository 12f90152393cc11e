"""Every port but the Warehouse, in memory: for tests, and for trying things out without a machine around them.

The local cloud stands in for the Warehouse: a second SQL engine would have bugs of its own.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dit_dagster.errors import StepFailed, UnknownName
from dit_dagster.model.identity import Commit, GitRef, Tree
from dit_dagster.ports import ON_BEHALF, Checkout, Claim, Environment, Event, Exit, Heard, Held, Invocation


@dataclass(slots=True)
class _Lease:
    """Who has a fingerprint. `heard` is a monotonic time; `over` once it was released or committed."""

    run_id: str
    generation: int
    heard: float
    over: bool = False


class MemoryRegistry:
    """The Registry port in a list. Safe between threads."""

    def __init__(self, *, patience: float = 60.0) -> None:
        self.patience = patience
        self._lock = threading.RLock()
        self._events: list[Event] = []
        self._leases: dict[str, _Lease] = {}
        self._epochs: dict[str, int] = {}

    def append(self, events: Sequence[Event]) -> None:
        # Through JSON: what the caller changes later is not changed here, and what is no JSON is refused.
        copies = [replace(event, payload=json.loads(json.dumps(event.payload))) for event in events]
        with self._lock:
            recorded = {event.event_id for event in self._events}
            for event in copies:
                if event.event_id is None or event.event_id not in recorded:
                    identified = event.event_id or uuid.uuid4().hex
                    self._events.append(replace(event, at=self._now(), event_id=identified))

    def of_fingerprints(self, kinds: Sequence[str], fingerprints: Sequence[str]) -> tuple[Event, ...]:
        return self._those(lambda event: event.kind in kinds and event.fingerprint in fingerprints)

    def of_run(self, run_id: str) -> tuple[Event, ...]:
        return self._those(lambda event: event.run_id == run_id)

    def of_pipeline(self, kind: str, pipeline: str | None, limit: int) -> tuple[Event, ...]:
        found = self._those(lambda event: event.kind == kind and pipeline in (None, event.pipeline))
        return found[::-1][:limit]

    def since(self, kinds: Sequence[str], after: datetime | None, limit: int) -> tuple[Event, ...]:
        def later(event: Event) -> bool:
            return event.kind in kinds and (after is None or event.at is None or event.at > after)

        return self._those(later)[:limit]  # no two events have one time

    def claim(
        self, fingerprint: str, *, run_id: str, pipeline: str, note: Mapping[str, Any] | None = None
    ) -> Claim | Held:
        with self._lock:
            lease = self._leases.get(fingerprint)
            if lease is not None and not lease.over:
                silent = time.monotonic() - lease.heard
                if silent < self.patience:
                    return Held(run_id=lease.run_id, silent=silent)
            claim = Claim(
                fingerprint=fingerprint,
                run_id=run_id,
                pipeline=pipeline,
                generation=lease.generation + 1 if lease else 1,
                epoch=self._epochs.get(fingerprint, -1) + 1,
            )
            self._leases[fingerprint] = _Lease(run_id=run_id, generation=claim.generation, heard=time.monotonic())
            self.append([_of_claim("claimed", claim, note or {})])
            return claim

    def beat(self, claims: Sequence[Claim]) -> None:
        with self._lock:
            for claim in claims:
                lease = self._leases[claim.fingerprint]
                if lease.generation == claim.generation:
                    lease.heard = time.monotonic()
            self.append([_of_claim("beat", claim, {}) for claim in claims])

    def commit(self, claim: Claim, record: Event, also: Sequence[Event] = ()) -> bool:
        with self._lock:
            if self._epochs.get(claim.fingerprint, -1) >= claim.epoch:
                return False
            payload = {**record.payload, "epoch": claim.epoch, "generation": claim.generation}
            self.append([replace(record, payload=payload), *also])
            self._epochs[claim.fingerprint] = claim.epoch
            self._end(claim)
            return True

    def release(self, claim: Claim) -> None:
        with self._lock:
            self._end(claim)
            self.append([_of_claim("released", claim, {})])

    def heard(self) -> Heard:
        with self._lock:
            own = [event for event in self._events if event.kind not in ON_BEHALF and event.at is not None]
            return Heard(now=self._now(), runs={event.run_id: event.at for event in own if event.at is not None})

    def _end(self, claim: Claim) -> None:
        lease = self._leases[claim.fingerprint]
        lease.over = lease.over or lease.generation == claim.generation

    def _those(self, wanted: Callable[[Event], bool]) -> tuple[Event, ...]:
        with self._lock:
            return tuple(event for event in self._events if wanted(event))

    def _now(self) -> datetime:
        """Later than any time before it, as the order of the events is theirs."""
        latest = self._events[-1].at if self._events else None
        now = datetime.now(UTC)
        return now if latest is None else max(now, latest + timedelta(microseconds=1))


def _of_claim(kind: str, claim: Claim, note: Mapping[str, Any]) -> Event:
    return Event(
        kind=kind,
        run_id=claim.run_id,
        pipeline=claim.pipeline,
        fingerprint=claim.fingerprint,
        payload={**note, "generation": claim.generation, "epoch": claim.epoch},
    )


class MemorySource:
    """The SourceControl port on commits that were given to it. Checkouts lie below `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._files: dict[Commit, Mapping[str, str]] = {}
        self._refs: dict[str, Commit] = {}

    def commit(self, files: Mapping[str, str], *refs: str) -> Commit:
        """A new commit of these files (path to text), to which `refs` point from now on."""
        identity = json.dumps([len(self._files), sorted(files.items())])
        made = Commit(hashlib.sha1(identity.encode(), usedforsecurity=False).hexdigest())
        self._files[made] = dict(files)
        self._refs |= {str(GitRef(ref)): made for ref in refs}
        return made

    def resolve(self, ref: str) -> Commit:
        name = GitRef(ref)
        found = {commit for commit in self._files if len(name) >= 4 and commit.startswith(name)}
        if name in self._refs:
            return self._refs[name]
        if len(found) != 1:
            hint = ", ".join(known for known, _ in self.known()[:8])
            raise UnknownName(f"no commit {ref!r} in memory; it knows {hint or 'no branch or tag'}")
        return found.pop()

    def tree(self, commit: Commit, paths: Sequence[str] = ()) -> Tree:
        files = sorted(self._files[commit].items())
        if not paths:
            return Tree(hashlib.sha1(json.dumps(files).encode(), usedforsecurity=False).hexdigest())
        parts = {path: [file for file in files if f"{file[0]}/".startswith(f"{path.rstrip('/')}/")] for path in paths}
        if not all(parts.values()):
            raise UnknownName(f"code.paths: commit {commit} does not have all of {', '.join(paths)}")
        wanted = sorted({file for part in parts.values() for file in part})
        return Tree(hashlib.sha256(json.dumps(wanted).encode()).hexdigest())

    def checkout(self, commit: Commit, tree: Tree) -> Checkout:
        directory = self._home / "checkouts" / self.tree(commit)
        if not directory.exists():
            directory.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=directory.parent, prefix=".partial-"))
            for path, text in self._files[commit].items():
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_text(text, encoding="utf-8")
            with suppress(OSError):  # another thread was faster; what it made is the same
                partial.rename(directory)
        return Checkout(directory=directory, commit=commit, tree=tree)

    def known(self) -> tuple[tuple[str, Commit], ...]:
        return tuple(reversed(self._refs.items()))

    def subject(self, commit: Commit) -> str:
        return f"change {list(self._files).index(commit) + 1}"


class MemoryEnvironments:
    """The Environments port where nothing needs to be installed. `built` lists what was asked for, each once."""

    def __init__(self, identity: str = "memory") -> None:
        self._identity = identity
        self._lock = threading.Lock()
        self.built: list[Path] = []

    def identity(self, checkout: Checkout) -> str:  # noqa: ARG002  # every checkout's is the same
        return self._identity

    def ensure(self, checkout: Checkout) -> Environment:
        with self._lock:
            if checkout.directory not in self.built:
                self.built.append(checkout.directory)
        return Environment(directory=checkout.directory, binaries=(), identity=self._identity)


Program = Callable[[Invocation, Callable[[str], None], Callable[[], bool]], int]
"""What stands for a step's program: it gets the invocation, `line` and `stopped`, and returns its exit code."""

_TERMINATED = -15


class MemoryRunner:
    """The PipelineRunner port on functions of this process, by the name of the program that they stand for."""

    def __init__(self, programs: Mapping[str, Program]) -> None:
        self._programs = dict(programs)
        self.invocations: list[Invocation] = []

    def run(self, invocation: Invocation, *, line: Callable[[str], None], stopped: Callable[[], bool]) -> Exit:
        started = time.monotonic()
        name = Path(invocation.arguments[0]).name
        if name not in self._programs:
            raise StepFailed(f"cannot start {invocation.arguments[0]!r}: there is no such program in memory")
        self.invocations.append(invocation)
        code = self._call(name, invocation, line, stopped)
        return Exit(code=_TERMINATED if stopped() else code, seconds=time.monotonic() - started)

    def _call(self, name: str, invocation: Invocation, line: Callable[[str], None], stopped: Callable[[], bool]) -> int:
        """A program that raises ends as a process would: its trace is output, its code 1."""
        try:
            return self._programs[name](invocation, line, stopped)
        except Exception:  # noqa: BLE001  # whatever a program does, the runner's caller gets an exit code
            for text in traceback.format_exc().splitlines():
                line(text)
            return 1
