"""The seams between deciding and doing.

Each port states its obligations; one contract suite runs against every adapter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from dit_dagster.model.identity import Commit, DatasetName, TableName, Tree

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

    def create(self, name: TableName, schema: Sequence[Field], *, days: int | None = None) -> None:
        """Create an empty table, which expires after `days`.

        Atomic: of many callers one succeeds, the others get AlreadyExists.
        """

    def clone(self, source: TableName, target: TableName, *, days: int | None = None) -> None:
        """A copy without cost of `source` as it is now, which expires after `days`. AlreadyExists if it is there."""

    def create_view(self, name: TableName, sql: str) -> None:
        """A view over `sql`, which must hold full names."""

    def drop(self, name: TableName) -> None:
        """The table or view is gone afterwards; one that is not there is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The files of one commit, apart from anybody's working tree."""

    directory: Path
    commit: Commit
    tree: Tree


class SourceControl(Protocol):
    """The pipeline's repository. It is only read; the working tree and the index are never touched."""

    def resolve(self, ref: str) -> Commit:
        """The full commit id of a ref, tag or abbreviated id; UnknownName if there is none."""

    def tree(self, commit: Commit, paths: Sequence[str] = ()) -> Tree:
        """The commit's tree id, or one hash over the ids of the subtrees at `paths`."""

    def checkout(self, commit: Commit, tree: Tree) -> Checkout:
        """The commit's tracked files in a directory of their own, shared by equal trees."""

    def known(self) -> tuple[tuple[str, Commit], ...]:
        """Branches and tags with their commits, newest first."""

    def subject(self, commit: Commit) -> str:
        """The first line of the commit's message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a commit's program is installed: what goes first on its PATH. `identity` names interpreter and lock."""

    directory: Path
    binaries: tuple[Path, ...]
    identity: str


class Environments(Protocol):
    """Isolated environments, one per tree, interpreter and lock; never changed once they are complete."""

    def identity(self, checkout: Checkout) -> str:
        """What the environment of this checkout will be, without building it."""

    def ensure(self, checkout: Checkout) -> Environment:
        """Build the environment if it is not there. Two processes at once build it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One step, fully rendered. `redacted` names the variables whose values no log may show."""

    arguments: tuple[str, ...]
    directory: Path
    variables: Mapping[str, str]
    redacted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a step ended. A negative code is the signal that ended it."""

    code: int
    seconds: float


class PipelineRunner(Protocol):
    """Runs one step to its end."""

    def run(self, invocation: Invocation, *, line: Callable[[str], None], stopped: Callable[[], bool]) -> Exit:
        """Stream each line of output to `line`. When `stopped()` turns true, end the step and all it started."""


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
    *("golden_set", "golden_unset"),
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

    def since(self, kinds: Sequence[str], after: datetime | None, limit: int) -> tuple[Event, ...]:
        """Events of these kinds recorded after a time, oldest first.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Something below the home directory that can be built again: a checkout, an environment, logs."""

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
