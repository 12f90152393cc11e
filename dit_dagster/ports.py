"""The seams between deciding and doing.

Each port states its obligations; one contract suite runs against every adapter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from dit_dagster.model.container import Container
from dit_dagster.model.identity import (
    Commit,
    DatasetName,
    ImageDigest,
    ImageName,
    JobId,
    PipelineName,
    TableName,
    Tree,
)
from dit_dagster.model.notice import Notice
from dit_dagster.model.origin import Snapshot
from dit_dagster.model.pull_request import Head, PullRequest, Remote

Scalar = str | int | float | bool | date | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column, or a field of a STRUCT. `mode` is NULLABLE, REQUIRED or REPEATED; `type` is GoogleSQL's name."""

    name: str
    type: str
    mode: str = "NULLABLE"
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What the warehouse says of a table without reading it. Times are the server's."""

    name: TableName
    kind: Literal["TABLE", "VIEW", "SNAPSHOT", "OTHER"]
    schema: tuple[Field, ...]
    created: datetime
    modified: datetime
    etag: str
    rows: int | None
    bytes: int | None
    view_sql: str | None = None
    buffered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """GoogleSQL built from validated identifiers. Values travel as named parameters, never in the text.

    A parameter's type follows its Python type; a list is an ARRAY of its elements' type.
    """

    sql: str
    parameters: Mapping[str, Scalar | Sequence[Scalar]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Rows as mappings from column to value, and what the statement cost."""

    rows: tuple[Mapping[str, Any], ...]
    bytes_processed: int = 0
    bytes_billed: int = 0
    slot_ms: int = 0
    seconds: float = 0.0
    affected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCost:
    """What one job was billed."""

    labels: Mapping[str, str]
    bytes_billed: int
    slot_ms: int


class Warehouse(Protocol):
    """BigQuery, or what stands in for it. Every method raises WarehouseError; nothing is half done after one."""

    @property
    def engine(self) -> str:
        """`bigquery` or `local`. Digests are compared within one engine only."""

    @property
    def project(self) -> str:
        """The default project of unqualified names."""

    def labelled(self, labels: Mapping[str, str]) -> Warehouse:
        """The same warehouse, with these labels on every job that it starts."""

    def facts(self, names: Sequence[TableName]) -> Mapping[TableName, TableFacts]:
        """What is known of each table that exists; absent ones are absent."""

    def query(self, statement: Statement) -> Answer:
        """Run one statement or script to its end."""

    def estimate(self, statement: Statement) -> int:
        """Bytes that `query` would read, without reading them."""

    def costs(self, label: str, value: str, since: datetime) -> tuple[JobCost, ...]:
        """Of each job with this label that was created since then, whoever started it: what it was billed."""

    def ensure_dataset(self, dataset: DatasetName) -> None:
        """The dataset exists afterwards; one that exists is left as it is."""

    def owns(self, dataset: DatasetName) -> bool:
        """Whether the dataset carries the label of those that this project makes; False if there is none."""

    def tables(self, dataset: DatasetName, prefix: str) -> tuple[TableName, ...]:
        """Every table and view whose name starts with `prefix`, in order of name; () if there is no such dataset."""

    def create(
        self,
        name: TableName,
        schema: Sequence[Field],
        *,
        days: int | None = None,
        by_day: str | None = None,
        clustered: Sequence[str] = (),
    ) -> None:
        """Create an empty table, which expires after `days`, partitioned by a TIMESTAMP's day, clustered by columns.

        Atomic: of many callers one succeeds, the others get AlreadyExists.
        """

    def clone(
        self, source: TableName, target: TableName, *, days: int | None = None, as_of: datetime | None = None
    ) -> None:
        """A copy without cost of `source` as it is now, or was at a time, which expires after `days`.

        AlreadyExists if it is there.
        """

    def create_view(self, name: TableName, sql: str) -> None:
        """A view over `sql`, which must hold full names."""

    def drop(self, name: TableName) -> None:
        """The table or view is gone afterwards; one that is not there is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The files of one commit, apart from anybody's working tree; or, `editable`, a folder that is run as it lies."""

    directory: Path
    commit: Commit
    tree: Tree
    editable: bool = False
    scratch: Path | None = None


class SourceControl(Protocol):
    """The pipeline's repository. It is only read; the working tree and the index are never touched."""

    def resolve(self, ref: str) -> Commit:
        """The full commit id of a ref, tag, abbreviated id or pull request's number; UnknownName if there is none."""

    def tree(self, commit: Commit, paths: Sequence[str] = ()) -> Tree:
        """The commit's tree id, or one hash over the ids of the subtrees at `paths`."""

    def checkout(self, commit: Commit, tree: Tree) -> Checkout:
        """The commit's tracked files in a directory of their own, shared by equal trees."""

    def snapshot(self, pipeline: PipelineName) -> Snapshot | None:
        """The working tree's tracked files as a commit, kept from git's clean-up if HEAD is another tree.

        None if there is no working tree. UsageError for what no commit can hold.
        """

    def reviewed(self, commit: Commit, branch: str | None) -> bool | None:
        """Whether the default branch holds the commit; it is looked for if not given. None if there is none."""

    def is_ancestor(self, earlier: Commit, later: Commit) -> bool:
        """Whether `later` builds on `earlier`; every commit builds on itself."""

    def between(self, good: Sequence[Commit], bad: Commit) -> tuple[Commit, ...]:
        """`bad` and what it builds on, without `good` and what those build on; what halves it best comes first."""

    def working_copy(self, checkout: Checkout) -> AbstractContextManager[Checkout]:
        """The checkout's files once more, in a directory that nobody else has, and as `scratch` an empty one.

        Both are gone afterwards. Of a folder that is run as it lies, the folder itself, with a `scratch` of its own.
        """

    def altered(self, checkout: Checkout) -> tuple[str, ...]:
        """The files of a checkout that are no longer what the commit holds."""

    def known(self) -> tuple[tuple[str, Commit], ...]:
        """Branches and tags with their commits, newest first."""

    def subject(self, commit: Commit) -> str:
        """The first line of the commit's message."""


class Upstream(Protocol):
    """The git remote whose pull requests are watched. What it calls its refs is data."""

    def look(self) -> Remote:
        """Where its branches and pull requests stand, in one listing. InfrastructureError if it does not answer."""

    def bring(self, head: Head) -> None:
        """The commit and what it needs are in the pipeline's repository afterwards; no ref of it is touched.

        InfrastructureError if the remote has it no more.
        """

    def changed(self, head: Head, base: Head | None) -> tuple[str, ...]:
        """The paths that differ between a head and where it left `base`; all of its paths without a base.

        Brings both.
        """


class VerdictBoard(Protocol):
    """Where verdicts stand beside a change. To show the same again changes nothing, also after a lost answer.

    BoardUnreachable if it may help to try later, BoardRefused if it does not. No error holds a credential.
    """

    def open_pulls(self) -> Mapping[int, PullRequest]:
        """The open pull requests by number."""

    def show(self, notice: Notice) -> None:
        """Put a notice on its commit, in place of an earlier one of the same name."""

    def comment(self, number: int, topic: str, text: str) -> None:
        """Write the one comment on this topic under a pull request, in place of an earlier one of our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a commit's program is installed: what goes first on its PATH. `identity` names interpreter and lock.

    In a container, `image` is the one on the engine, and `variables` are what the container's declaration adds.
    `worker_image` is the name of the tree's image, where Dataflow's workers are to run it.
    """

    directory: Path
    binaries: tuple[Path, ...]
    identity: str
    image: ImageDigest | None = None
    worker_image: ImageName | None = None
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)


UNKNOWN_ENVIRONMENT = "unknown until it may run"
"""The identity of an environment that cannot be told without running code of the commit."""


class Environments(Protocol):
    """Isolated environments, one per tree, interpreter and what is installed; none is changed once it is complete."""

    def identity(self, checkout: Checkout, *, may_run_code: bool = True) -> str:
        """What the environment of this checkout will be, without building it.

        Unless `may_run_code`, nothing of the commit is run: where that is needed to tell, UNKNOWN_ENVIRONMENT.
        """

    def image(self, checkout: Checkout) -> ImageDigest | None:
        """What tells the checkout's image from any other, without building or pulling it; None without containers."""

    def ensure(self, checkout: Checkout, say: Callable[[str], None] = ...) -> Environment:
        """Build the environment if it is not there, or is no longer what was built.

        Two processes at once build it once. `say` hears what takes time, and what was found altered.
        """

    def working_copy(self, environment: Environment) -> AbstractContextManager[Environment]:
        """The program's installation once more, in a directory that nobody else has, and that is gone afterwards.

        An image, of which each container is a copy already, is itself.
        """

    def altered(self, environment: Environment, shared: Environment) -> tuple[str, ...]:
        """The files of a working copy, and of the environment that it was made from, that are not what was built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One step, fully rendered. `redacted` names the variables whose values no log may show; nor does its repr.

    For containers: `image` is the one to run, `labels` tell whose it is, and `bare` leaves its entrypoint out.
    """

    arguments: tuple[str, ...]
    directory: Path
    variables: Mapping[str, str] = field(repr=False)
    redacted: frozenset[str] = frozenset()
    image: ImageDigest | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    bare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a step ended. A negative code is the signal that ended it.

    `reason` says what was done to it from outside: with one, it has failed whatever its code. `image` is the one that
    ran, as the engine tells afterwards.
    """

    code: int
    seconds: float
    reason: str | None = None
    image: ImageDigest | None = None


class PipelineRunner(Protocol):
    """Runs one step to its end."""

    def run(self, invocation: Invocation, *, line: Callable[[str], None], stopped: Callable[[], bool]) -> Exit:
        """Stream each line of output to `line`. When `stopped()` turns true, end the step and all it started."""


class ImageBuilder(Protocol):
    """Images on a container engine. EngineError if it cannot be told; UnknownName only if there is no such image."""

    def resolve(self, reference: str) -> ImageDigest:
        """The digest that a published image's name stands for; of its tag, as the engine or the registry has it."""

    def pulled(self, digest: ImageDigest, reference: str) -> ImageDigest:
        """The engine's id of a published image, which is on it afterwards."""

    def recipe(self, container: Container, checkout: Checkout) -> ImageDigest:
        """A hash of how it is built: the Dockerfile, and the images that it stands on; not of the checkout."""

    def labels(self, image: ImageDigest) -> Mapping[str, str]:
        """What an image that is on the engine says of itself."""

    def first_difference(self, image: ImageDigest, holds: Mapping[str, str], checkout: Checkout) -> str | None:
        """Read back from inside: what of the checkout an image on the engine does not hold; None if it holds it all.

        `holds` are places in the image, each with the path of the tree that should be there.
        """

    def ensure_built(self, container: Container, checkout: Checkout) -> ImageDigest:
        """The engine's id of the image of a checkout, which is built unless it is there; EnvironmentFailed."""


class ImageStore(Protocol):
    """Images of trees, each under a name that says from what it was built."""

    def recipe(self, container: Container, checkout: Checkout) -> ImageDigest:
        """A hash of how it is built: the Dockerfile, and the images that it stands on; not of the checkout."""

    def name(self, container: Container, checkout: Checkout) -> ImageName:
        """Where the image of a checkout is kept. Its tag is a hash of recipe and tree: nothing else has that name."""

    def find(self, name: ImageName) -> ImageDigest | None:
        """What is kept there. None only if the store says that it has none; InfrastructureError if it cannot tell."""

    def build(self, container: Container, checkout: Checkout, name: ImageName) -> ImageDigest:
        """Build the image and keep it under that name. EnvironmentFailed if the build fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContainer:
    """A container that carries the label of a run."""

    id: str
    name: str
    run_id: str


class Containers(Protocol):
    """The containers that runs of this project have left on this machine's engine."""

    def of_runs(self) -> tuple[RunContainer, ...]:
        """Each with a run's label, ended or not; () where there is no engine. EngineError if it cannot be told."""

    def remove(self, container: RunContainer) -> None:
        """End it and take it away; one that is gone is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteJob:
    """A job of Dataflow. `images` are those that its workers were asked to run.

    `worker` says which code that was, where the service knows more than the image's name.
    """

    id: JobId
    name: str
    state: str
    labels: Mapping[str, str]
    images: tuple[str, ...] = ()
    worker: str | None = None

    _OVER: ClassVar[frozenset[str]] = frozenset({"DONE", "FAILED", "CANCELLED", "UPDATED", "DRAINED"})

    @property
    def is_over(self) -> bool:
        """Whether its state is one of those that never change: any other, known or not, is taken for active."""
        return self.state in self._OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMarks:
    """How jobs are recognised: all of these labels, and the name if there is one. No two marks are of one job."""

    labels: Mapping[str, str]
    name: str | None = None

    def are_on(self, labels: Mapping[str, str], name: str) -> bool:
        """Whether a job with these has the marks."""
        return self.labels.items() <= labels.items() and self.name in (None, name)

    def __str__(self) -> str:
        told = ", ".join(f"{key}={value}" for key, value in self.labels.items())
        return f"its labels ({told})" if self.name is None else f"its name ({self.name})"


class JobService(Protocol):
    """Dataflow, or what stands in for it. Every method raises InfrastructureError if there is no answer.

    `poll_seconds` is how long to wait before asking again.
    """

    poll_seconds: float

    def find(self, marks: JobMarks, since: datetime) -> tuple[RemoteJob, ...]:
        """The jobs with these marks that were active at `since` or later, queued ones included."""

    def job(self, job_id: JobId) -> RemoteJob:
        """One job, as it is now; NotFound if there is none of that id."""

    def cancel(self, job_id: JobId) -> None:
        """Ask a job to end. One that is over stays as it is."""

    def errors(self, job_id: JobId) -> tuple[str, ...]:
        """What it said of its failure, oldest first."""

    def metrics(self, job_id: JobId) -> Mapping[str, int | float]:
        """Its counters, by `step/name`; of a distribution the sum."""

    def stand_in(self, image: str, environment: Environment, identity: str) -> None:
        """Where images are only stood in for: workers of `image` run this environment. Elsewhere nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of the registry. `payload` is plain JSON; `at` is the server's time, set by the registry."""

    kind: str
    run_id: str
    pipeline: str
    fingerprint: str | None = None
    payload: Mapping[str, Any]
    at: datetime | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to compute one fingerprint. `epoch` counts the commits before it: a commit uses it up.

    `since` is this machine's clock when the claim was made.
    """

    fingerprint: str
    run_id: str
    pipeline: str
    generation: int
    epoch: int
    since: float = field(default_factory=time.time, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Somebody else computes it. `silent` is the seconds since the holder was last heard of."""

    run_id: str
    silent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """When each run last said something of its own, and what time it is for the server."""

    now: datetime
    runs: Mapping[str, datetime]


ON_BEHALF = (
    *("released", "cancel_requested", "run_cancelled", "collected", "spared", "pinned", "unpinned"),
    *("golden_set", "golden_unset", "job_attended"),
)
"""Kinds of events that others write about a run: they are no sign that it is alive."""


class Registry(Protocol):
    """The record of runs, phases, digests and verdicts: append-only, ordered by the server's time.

    A claim is atomic: of all who ask for a fingerprint one gets it, until it is released or its holder has been
    silent for `patience` seconds. A commit is atomic as well: however many claims followed one another, exactly one
    can commit an epoch.
    """

    patience: float

    def append(self, events: Sequence[Event]) -> None:
        """Record all of `events`, or none. Repeating a call after a lost answer records nothing twice."""

    def of_fingerprints(self, kinds: Sequence[str], fingerprints: Sequence[str]) -> tuple[Event, ...]:
        """The events of these kinds and addresses, oldest first, in one query."""

    def of_run(self, run_id: str) -> tuple[Event, ...]:
        """Every event of one run, oldest first."""

    def of_pipeline(self, kind: str, pipeline: str | None, limit: int) -> tuple[Event, ...]:
        """The newest events of a kind, newest first; of every pipeline if None."""

    def since(
        self, kinds: Sequence[str], after: datetime | None, limit: int, *, bare: Sequence[str] = ()
    ) -> tuple[Event, ...]:
        """Events of these kinds recorded after a time, oldest first; those of the kinds `bare` without their payload.

        At most `limit`, and with the last one all that were recorded at its time: what comes after it is not lost.
        """

    def claim(
        self, fingerprint: str, *, run_id: str, pipeline: str, note: Mapping[str, Any] | None = None
    ) -> Claim | Held:
        """Ask for the right to compute a fingerprint. `note` is recorded with the claim: what will be computed."""

    def beat(self, claims: Sequence[Claim]) -> None:
        """Say that the holder of these claims is alive."""

    def commit(self, claim: Claim, record: Event, also: Sequence[Event] = ()) -> bool:
        """Record a committed state, and with it what is known of it. It gives the claim back as well.

        The record's payload gets the claim's `generation`.
        False if the epoch was committed by somebody else: then nothing was recorded.
        """

    def release(self, claim: Claim) -> None:
        """Give a claim back, whether it was used or not. Releasing twice is no error."""

    def heard(self) -> Heard:
        """When each run was last heard of, by events that it wrote itself: all kinds but ON_BEHALF."""


IMAGE = "image"
"""The kind of a folder that stands for an image on the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Something below the home directory that can be built again: a checkout, an environment, logs, an image."""

    kind: str
    path: Path
    used: datetime
    bytes: int


class Home(Protocol):
    """The home directory of this machine, as far as it can be built again."""

    def unused_since(self, moment: datetime) -> Sequence[Folder]:
        """What was last used before `moment`, by this machine's clock."""

    def remove(self, folder: Folder, moment: datetime) -> bool:
        """Remove it, unless it was used since `moment` or is gone: then False. Two at once do no harm."""
