"""Names as types. Each validates once, where it enters; from then on it can be trusted in SQL, paths and commands."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from dit_dagster.errors import BadName


class _Text(str):
    """A string that was checked against `pattern` when it was made."""

    __slots__ = ()
    pattern: ClassVar[re.Pattern[str]]
    meaning: ClassVar[str]
    remedy: ClassVar[str]

    def __new__(cls, text: str) -> Self:
        if not cls.pattern.fullmatch(text):
            raise BadName(f"{_shown(text)} is not {cls.meaning}; {cls.remedy}")
        return super().__new__(cls, text)


class Commit(_Text):
    """A full 40-hex commit id. Never a branch, a tag or an abbreviated id."""

    __slots__ = ()
    pattern = re.compile(r"[0-9a-f]{40}")
    meaning = "a full commit id"
    remedy = "give all 40 hex digits, or resolve the ref first ('dit list' shows full ids)"


class Tree(_Text):
    """What a commit's code is: a 40-hex tree id, or the 64-hex hash of several subtrees' ids."""

    __slots__ = ()
    pattern = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
    meaning = "a tree id"
    remedy = "it comes from SourceControl.tree()"


class GitRef(_Text):
    """Anything a user may name a commit by. It is data: never passed where git could read it as an option."""

    __slots__ = ()
    pattern = re.compile(r"(?!-)[^\x00-\x20\x7f~^:?*\[\\]{1,255}")
    meaning = "a git ref"
    remedy = "give a branch, a tag or a commit id"


class ImageDigest(_Text):
    """A container image by content: `sha256:` and 64 hex digits."""

    __slots__ = ()
    pattern = re.compile(r"sha256:[0-9a-f]{64}")
    meaning = "an image digest"
    remedy = "resolve the tag to its digest first"


class ImageName(_Text):
    """An image's name and tag: it stands in addresses and in requests, never in a shell."""

    __slots__ = ()
    pattern = re.compile(r"[a-z0-9][a-z0-9._-]*(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)*:[\w][\w.-]{0,127}")
    meaning = "an image's name with its tag"
    remedy = "write host/project/repository/name:tag in lower case"


class BuildId(_Text):
    """One build of Cloud Build, as the service numbers it: it stands in addresses."""

    __slots__ = ()
    pattern = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    meaning = "a build id"
    remedy = "'dit cloud run' prints it"


class Fingerprint(_Text):
    """The address of a state by its inputs: 64 hex digits."""

    __slots__ = ()
    pattern = re.compile(r"[0-9a-f]{64}")
    meaning = "a fingerprint"
    remedy = "'dit plan' shows the fingerprints of a plan"


class RunId(_Text):
    """One run of the command or of the job."""

    __slots__ = ()
    pattern = re.compile(r"[0-9a-z][0-9a-z_-]{5,63}")
    meaning = "a run id"
    remedy = "'dit runs' lists them"


class JobId(_Text):
    """One job of Dataflow, as the service numbers it: it stands in addresses."""

    __slots__ = ()
    pattern = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")
    meaning = "a Dataflow job id"
    remedy = "the log of a phase has those of its jobs ('dit logs')"


class ExperimentId(_Text):
    """The prefix by which everything that an experiment made is found."""

    __slots__ = ()
    pattern = re.compile(r"[a-z][a-z0-9_]{0,39}")
    meaning = "an experiment id"
    remedy = "use up to 40 lower-case letters, digits and underscores, a letter first"


class PipelineName(_Text):
    """A pipeline, as in its folder's name."""

    __slots__ = ()
    pattern = re.compile(r"[a-z][a-z0-9_]{0,39}")
    meaning = "a pipeline's name"
    remedy = "use up to 40 lower-case letters, digits and underscores, a letter first"


class Label(_Text):
    """A short name within a pipeline: a mode, a step, an output, a source."""

    __slots__ = ()
    pattern = re.compile(r"[a-z][a-z0-9_]{0,39}")
    meaning = "a name"
    remedy = "use up to 40 lower-case letters, digits and underscores, a letter first"


@dataclass(frozen=True, slots=True, order=True)
class DatasetName:
    """A BigQuery dataset, with its project."""

    project: str
    dataset: str

    _PROJECT: ClassVar[re.Pattern[str]] = re.compile(r"[a-z][a-z0-9.:_-]{0,62}[a-z0-9]")
    _DATASET: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9_]{1,1024}")

    def __post_init__(self) -> None:
        if not self._PROJECT.fullmatch(self.project) or not self._DATASET.fullmatch(self.dataset):
            raise BadName(f"{_shown(f'{self.project}.{self.dataset}')} is not a dataset; write project.dataset")

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}"

    def table(self, table: str) -> TableName:
        return TableName(self.project, self.dataset, table)


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table or view, with its dataset and project: never partial, never quoted, safe between backticks."""

    project: str
    dataset: str
    table: str

    _TABLE: ClassVar[re.Pattern[str]] = re.compile(r"[\w\- ]{1,1024}", re.UNICODE)

    def __post_init__(self) -> None:
        DatasetName(self.project, self.dataset)
        if not self._TABLE.fullmatch(self.table):
            raise BadName(f"{_shown(self.table)} is not a table's name; use letters, digits, _ and -")

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"

    @property
    def sql(self) -> str:
        """Quoted for GoogleSQL. The parts were validated: none holds a backtick."""
        return f"`{self.project}`.`{self.dataset}`.`{self.table}`"

    @property
    def parent(self) -> DatasetName:
        return DatasetName(self.project, self.dataset)

    @classmethod
    def parse(cls, text: str, *, project: str) -> Self:
        """Read `project.dataset.table`, or `dataset.table` in `project`."""
        parts = text.replace("`", "").split(".")
        match parts:
            case [dataset, table]:
                return cls(project, dataset, table)
            case [*front, dataset, table] if front:
                return cls(".".join(front), dataset, table)
        raise BadName(f"{_shown(text)} is not a table; write dataset.table or project.dataset.table")


def canonical_json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """One text per value: keys sorted, no spaces, no NaN; raises on anything that is not plain JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def content_hash(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """sha256 over the canonical JSON of `value`, as 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
