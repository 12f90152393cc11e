"""A golden state: one commit's final state, kept, with which any later commit's outputs are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.window import Window

LABEL = "golden"
"""What stands in a mode's place in a comparison with the golden state. No mode may be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """The state that stands after `mode` at the record's commit, of an experiment over `window`."""

    mode: str
    window: Window
    record: PhaseRecord

    def why_incomparable(self, sources: Mapping[str, Mapping[str, Any]], window: Window) -> str | None:
        """Why a run on sources of these identities, as JSON, over this window cannot be held against it, or None."""
        if window != self.window:
            return f"the golden state covers {self.window}, this run {window}; run the same days, or set another"
        recorded = self.record.inputs.get("sources", {})
        other = sorted(name for name in {*recorded, *sources} if recorded.get(name) != sources.get(name))
        if other:
            return (
                f"the golden state ran on other sources than this run: {', '.join(other)} changed since; "
                "a difference would say nothing of the code. Set a golden state on the present sources"
            )
        return None

    def to_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "window": [self.window.start.isoformat(), self.window.end.isoformat()],
            "prefix": self.record.prefix,
            "record": self.record.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        start, end = (date.fromisoformat(day) for day in value["window"])
        return cls(mode=value["mode"], window=Window(start, end), record=PhaseRecord.from_json(value["record"]))

    @classmethod
    def readable(cls, value: Mapping[str, Any]) -> Self | None:
        """As it was set; None for what cannot be read, which counts as not set."""
        try:
            return cls.from_json(value)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
