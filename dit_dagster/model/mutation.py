"""Deterministic changes of a phase's input. Each names one source, and is applied to that source's pin."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from dit_dagster.model.policy import Declared


class ChosenBy(Declared):
    """Keys chosen from a reference mode's output: that state becomes a second parent of the mutated phase.

    A moment between braces in `where`, such as `{end-T}`, becomes its date. `keep` says which keys stay in the source.
    """

    mode: str = "bf"
    output: str
    where: str = "TRUE"
    keep: Literal["chosen", "others"] = "chosen"


class RestrictKeys(Declared):
    """Keep only the rows of some keys: listed, a share in a stable hash order, or chosen from an output."""

    kind: Literal["restrict_keys"] = "restrict_keys"
    source: str
    key: str
    keys: tuple[str, ...] | None = None
    share: float | None = Field(default=None, gt=0.0, lt=1.0)
    chosen_by: ChosenBy | None = None

    @model_validator(mode="after")
    def _one_way(self) -> RestrictKeys:
        if sum(given is not None for given in (self.keys, self.share, self.chosen_by)) != 1:
            raise ValueError("restrict_keys takes exactly one of keys, share, chosen_by")
        return self


class DropRows(Declared):
    """Leave out the rows for which `where` is true."""

    kind: Literal["drop_rows"] = "drop_rows"
    source: str
    where: str


class ShiftTimestamps(Declared):
    """Move a TIMESTAMP column by `seconds` where `where` is true."""

    kind: Literal["shift_timestamps"] = "shift_timestamps"
    source: str
    column: str
    seconds: int
    where: str = "TRUE"


class SetValues(Declared):
    """Put one value into a column where `where` is true."""

    kind: Literal["set_values"] = "set_values"
    source: str
    column: str
    value: bool | int | float | str | None
    where: str = "TRUE"


class ProjectColumns(Declared):
    """Keep only these columns: an older schema."""

    kind: Literal["project_columns"] = "project_columns"
    source: str
    columns: tuple[str, ...] = Field(min_length=1)


def _spelled(value: Any) -> Any:
    """Accept `{drop_rows: {source: ..., where: ...}}`."""
    if isinstance(value, dict) and len(value) == 1:
        [(kind, body)] = value.items()
        if isinstance(body, dict):
            return {"kind": kind, **body}
    return value


_Mutation = RestrictKeys | DropRows | ShiftTimestamps | SetValues | ProjectColumns
_Kind = Literal["restrict_keys", "drop_rows", "shift_timestamps", "set_values", "project_columns"]

Mutation = Annotated[
    Annotated[_Mutation, Field(discriminator="kind")],
    BeforeValidator(_spelled, json_schema_input_type=_Mutation | dict[_Kind, dict[str, Any]]),
]
