"""A golden state: one commit's final state, kept, with which any later commit's outputs are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from dit_dagster.model.identity import TableName
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.window import Window

LABEL = "golden"
"""What stands in a mode's place in a comparison with the golden state. No mode may be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSource:
    """A copy of a source that nobody writes into: `etag` is what it held when it was made."""

    table: TableName
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """The state that stands after `mode` at the record's commit, of an experiment over `window`.

    `kept` are copies of its sources, by name: later commits can run on them. Older golden states kept none.
    """

    mode: str
    window: Window
    record: PhaseRecord
    kept: Mapping[str, KeptSource] = field(default_factory=dict)

    def why_incomparable(self, sources: Mapping[str, Mapping[str, Any]], window: Window) -> str | None:
        """Why a run on sources of these identities, as JSON, over this window cannot be held against it, or None."""
        if window != self.window:
            return f"the golden state covers {self.window}, this run {window}; run the same days, or set another"
        recorded = self.record.inputs.get("sources", {})
        other = sorted(name for name in {*recorded, *sources} if recorded.get(name) != sources.get(name))
        if other:
            return (
                f"the golden state ran on other sources than this run: {', '.join(other)} changed since; "
                "a difference would say nothing of the code. Run on its sources, with --golden-sources, or set another "
                "on the present ones"
            )
        return None

    def to_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "window": [self.window.start.isoformat(), self.window.end.isoformat()],
            "prefix": self.record.prefix,
            "record": self.record.to_json(),
            "kept": {name: {"table": str(one.table), "etag": one.etag} for name, one in self.kept.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        start, end = (date.fromisoformat(day) for day in value["window"])
        kept = {
            name: KeptSource(table=TableName.parse(one["table"], project=""), etag=one["etag"])
            for name, one in value.get("kept", {}).items()
        }
        record = PhaseRecord.from_json(value["record"])
        return cls(mode=value["mode"], window=Window(start, end), record=record, kept=kept)

    @classmethod
    def readable(cls, value: Mapping[str, Any]) -> Self | None:
        """As it was set; None for what cannot be read, which counts as not set."""
        try:
            return cls.from_json(value)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
