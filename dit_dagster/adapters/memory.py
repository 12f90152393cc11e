"""Every port but the Warehouse, in memory: for tests, and for trying things out without a machine around them.

The local cloud stands in for the Warehouse: a second SQL engine would have bugs of its own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dit_dagster.errors import BoardError, InfrastructureError, NotFound, StepFailed, UnknownName
from dit_dagster.model.container import Container
from dit_dagster.model.identity import Commit, GitRef, ImageDigest, ImageName, JobId, PipelineName, Tree, content_hash
from dit_dagster.model.notice import Notice
from dit_dagster.model.origin import Snapshot
from dit_dagster.model.pull_request import Head, PullRequest, Remote
from dit_dagster.ports import (
    ON_BEHALF,
    Checkout,
    Claim,
    Environment,
    Event,
    Exit,
    Heard,
    Held,
    Invocation,
    JobMarks,
    RemoteJob,
)


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

    def since(
        self, kinds: Sequence[str], after: datetime | None, limit: int, *, bare: Sequence[str] = ()
    ) -> tuple[Event, ...]:
        def later(event: Event) -> bool:
            return event.kind in kinds and (after is None or event.at is None or event.at > after)

        found = self._those(later)[:limit]  # no two events have one time
        return tuple(replace(event, payload={}) if event.kind in bare else event for event in found)

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

    def snapshot(self, pipeline: PipelineName) -> Snapshot | None:
        return None  # there is no working tree

    def reviewed(self, commit: Commit, branch: str | None) -> bool | None:
        return None  # there are no branches that anybody reviews

    @contextmanager
    def working_copy(self, checkout: Checkout) -> Iterator[Checkout]:
        with tempfile.TemporaryDirectory(prefix="dit-working-") as folder:
            own = shutil.copytree(checkout.directory, Path(folder) / "tree", symlinks=True)
            scratch = Path(folder) / "tmp"
            scratch.mkdir()
            yield replace(checkout, directory=own, scratch=scratch)

    def altered(self, checkout: Checkout) -> tuple[str, ...]:
        return ()

    def is_ancestor(self, earlier: Commit, later: Commit) -> bool:
        return earlier == later  # commits have no ancestors here

    def between(self, good: Sequence[Commit], bad: Commit) -> tuple[Commit, ...]:
        return () if bad in good else (bad,)

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

    def identity(self, checkout: Checkout, *, may_run_code: bool = True) -> str:  # every checkout's is the same
        return self._identity

    def image(self, checkout: Checkout) -> ImageDigest | None:  # no containers
        return None

    def ensure(self, checkout: Checkout, say: Callable[[str], None] = lambda _: None) -> Environment:
        with self._lock:
            if checkout.directory not in self.built:
                self.built.append(checkout.directory)
        return Environment(directory=checkout.directory, binaries=(), identity=self._identity)

    @contextmanager
    def working_copy(self, environment: Environment) -> Iterator[Environment]:
        yield environment  # nothing is installed

    def altered(self, environment: Environment, shared: Environment) -> tuple[str, ...]:
        return ()


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


class MemoryJobs:
    """The JobService port on jobs that somebody puts there."""

    poll_seconds = 0.01

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[JobId, RemoteJob] = {}
        self._ended: dict[JobId, datetime] = {}
        self._errors: dict[JobId, tuple[str, ...]] = {}
        self.images: dict[str, str] = {}

    def put(self, job: RemoteJob, *errors: str) -> None:
        """There is such a job from now on, instead of one with its id; what it said of its failure."""
        with self._lock:
            self._jobs[job.id] = job
            self._errors[job.id] = errors
            if job.is_over:
                self._ended[job.id] = datetime.now(UTC)

    def find(self, marks: JobMarks, since: datetime) -> tuple[RemoteJob, ...]:
        with self._lock:
            recent = [job for job in self._jobs.values() if not job.is_over or self._ended[job.id] >= since]
        return tuple(job for job in recent if marks.are_on(job.labels, job.name))

    def job(self, job_id: JobId) -> RemoteJob:
        with self._lock:
            if job_id not in self._jobs:
                raise NotFound(f"Dataflow has no job {job_id}")
            return self._jobs[job_id]

    def cancel(self, job_id: JobId) -> None:
        found = self.job(job_id)
        if not found.is_over:
            self.put(replace(found, state="CANCELLED"))

    def errors(self, job_id: JobId) -> tuple[str, ...]:
        self.job(job_id)
        return self._errors[job_id]

    def metrics(self, job_id: JobId) -> Mapping[str, int | float]:
        self.job(job_id)
        return {}

    def stand_in(self, image: str, environment: Environment, identity: str) -> None:
        self.images[image] = identity


class MemoryUpstream:
    """The Upstream port on heads that were given to it. `brought` lists what was asked for, in order."""

    def __init__(self, default: Head | None = None) -> None:
        self.default = default
        self.pulls: dict[int, Head] = {}
        self.own: set[Commit] = set()
        self.paths: dict[Commit, tuple[str, ...]] = {}
        self.brought: list[Head] = []

    def look(self) -> Remote:
        own = self.own | ({self.default.commit} if self.default is not None else set())
        return Remote(default=self.default, pulls=dict(self.pulls), own=frozenset(own))

    def bring(self, head: Head) -> None:
        self.brought.append(head)

    def changed(self, head: Head, base: Head | None) -> tuple[str, ...]:  # they were given
        self.bring(head)
        return self.paths.get(head.commit, ())


class MemoryBoard:
    """The VerdictBoard port in two dictionaries. Each of `failures` is raised once, by the next call."""

    def __init__(self) -> None:
        self.pulls: dict[int, PullRequest] = {}
        self.notices: dict[tuple[str, Commit], Notice] = {}
        self.comments: dict[tuple[int, str], str] = {}
        self.failures: list[BoardError] = []

    def open_pulls(self) -> Mapping[int, PullRequest]:
        self._fail()
        return dict(self.pulls)

    def show(self, notice: Notice) -> None:
        self._fail()
        self.notices[notice.name, notice.commit] = notice

    def comment(self, number: int, topic: str, text: str) -> None:
        self._fail()
        self.comments[number, topic] = text

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class MemoryImages:
    """The ImageStore port in a dictionary. `failure` is raised by every look; `builds` counts."""

    def __init__(self) -> None:
        self.kept: dict[ImageName, ImageDigest] = {}
        self.failure: InfrastructureError | None = None
        self.builds = 0

    def recipe(self, container: Container, checkout: Checkout) -> ImageDigest:
        return ImageDigest(f"sha256:{content_hash(container.identity)}")

    def name(self, container: Container, checkout: Checkout) -> ImageName:
        return ImageName(f"memory:{content_hash([container.identity, checkout.tree])}")

    def find(self, name: ImageName) -> ImageDigest | None:
        if self.failure is not None:
            raise self.failure
        return self.kept.get(name)

    def build(self, container: Container, checkout: Checkout, name: ImageName) -> ImageDigest:
        self.builds += 1
        self.kept[name] = ImageDigest(f"sha256:{content_hash([name])}")
        return self.kept[name]
