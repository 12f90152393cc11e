"""What a program must promise before its data can be judged, and what a check of each promise comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, assert_never

from pydantic import Field, model_validator

from dit_dagster.model.identity import Commit
from dit_dagster.model.policy import Declared
from dit_dagster.model.window import Window


class KeyFilter(Declared):
    """How the program is confined to some keys: arguments that are added to steps, in which `{keys}` stands for them.

    `columns` says for an output which column holds the key.
    """

    arguments: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(min_length=1)
    separator: str = Field(default=",", min_length=1)
    columns: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]] = Field(min_length=1)

    @model_validator(mode="after")
    def _tells_the_keys(self) -> KeyFilter:
        if not any("{keys}" in part for arguments in self.arguments.values() for part in arguments):
            raise ValueError("arguments: no part holds {keys}, which stands for the keys")
        return self


class ContractOptions(Declared):
    """What a declaration says for the checks of the contract alone. `dry_run` are arguments that are added to steps."""

    key_filter: KeyFilter | None = None
    dry_run: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)


class Promise(Enum):
    """A point of the contract: its number, its name, and what is promised. A point can hold two promises."""

    DATES = (1, "dates", "works on exactly the days that it is told")
    TABLES = (2, "tables", "reads and writes the tables that it is told, and no others")
    EXIT_CODE = (3, "exit_code", "exits with another code than 0 if it failed")
    UNKNOWN_OPTION = (3, "unknown_option", "fails on an option that it does not know")
    TWICE = (4, "twice", "leaves the same when it is run twice")
    OVERLAPPING = (4, "overlapping", "leaves the same when two runs overlap")
    TEMPORARY_DATASET = (5, "temporary_dataset", "Beam: its temporary dataset can be named")
    LABELS = (6, "labels", "runs without labels")
    BEAM_OPTIONS = (7, "beam_options", "Beam: passes on what it does not know")
    WORKER_IMAGE = (8, "worker_image", "Beam: the workers' image carries the program")
    PARALLEL = (9, "parallel", "two runs at once do not meet")
    INTERMEDIATES = (10, "intermediates", "every intermediate table can be named")
    KEY_FILTER = (11, "key_filter", "can be confined to some keys")
    DRY_RUN = (12, "dry_run", "can say what it would do")
    EMPTY_DESTINATION = (13, "empty_destination", "runs where nothing is yet")
    PROJECT = (14, "project", "its own clients use the project that it is told")
    OWN_WRITES = (15, "own_writes", "has written everything when it returns")
    DETERMINISTIC = (16, "deterministic", "leaves the same when it starts anew")
    COMMIT_IN_IMAGE = (17, "commit_in_image", "its image says which commit it holds")

    def __init__(self, number: int, title: str, text: str) -> None:
        self.number = number
        self.title = title
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Checked on the program, and kept. `seen` is what it rests on."""

    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Checked on the program, and not kept."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotChecked:
    """Nothing is known."""

    why: str


Finding = Kept | Broken | NotChecked


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractReport:
    """A finding for each promise, in the contract's order."""

    pipeline: str
    commit: Commit
    window: Window
    findings: Mapping[Promise, Finding]
    seconds: float

    @property
    def broken(self) -> tuple[Promise, ...]:
        return tuple(promise for promise, finding in self.findings.items() if isinstance(finding, Broken))

    def to_json(self) -> dict[str, Any]:
        return {
            "pipeline": self.pipeline,
            "commit": str(self.commit),
            "window": [self.window.start.isoformat(), self.window.end.isoformat()],
            "kept": not self.broken,
            "promises": [_promise_json(promise, finding) for promise, finding in self.findings.items()],
            "seconds": round(self.seconds, 1),
        }


def complete(found: Mapping[Promise, Finding]) -> Mapping[Promise, Finding]:
    """A finding for every promise, in the contract's order."""
    return {promise: found.get(promise, NotChecked(why="nothing checks it yet")) for promise in Promise}


def all_of(findings: Iterable[Finding], seen: str) -> Finding:
    """Kept if all are, with what was seen; else the first that is broken, else the first that was not checked."""
    found = tuple(findings)
    missed = next((one for one in found if isinstance(one, NotChecked)), None)
    return next((one for one in found if isinstance(one, Broken)), missed or Kept(seen=seen))


def _promise_json(promise: Promise, finding: Finding) -> dict[str, Any]:
    match finding:
        case Kept(seen=text):
            state = "kept"
        case Broken(why=text):
            state = "broken"
        case NotChecked(why=text):
            state = "not checked"
        case _:
            assert_never(finding)
    return {
        "number": promise.number,
        "promise": promise.title,
        "text": promise.text,
        "finding": state,
        "because": text,
    }
