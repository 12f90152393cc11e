"""What must be seen in the sample's history, and whether it was: expected.yaml against the reports of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from dit_dagster.demo.history import EXPECTED
from dit_dagster.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The expected verdict on one output of one mode, compared with the reference.

    `because` names the counts that must be above zero, and that no other is; `rows` bounds their sum. `causes` are the
    names of the signatures; `phase` is the first one after which the modes part, from 1.
    """

    verdict: str
    because: tuple[str, ...] = ()
    rows: tuple[int, int] | None = None
    missing: tuple[date, ...] = ()
    causes: tuple[str, ...] = ()
    phase: int | None = None

    def complaint(self, comparison: Mapping[str, Any]) -> str | None:
        """What is not as expected in a comparison's JSON, or None."""
        if comparison["verdict"] != self.verdict:
            return f"expected {self.verdict}, found {comparison['verdict']}: {comparison['reason']}"
        counts = {name: int((comparison["explanation"] or {}).get(name, 0)) for name in _COUNTS}
        seen = tuple(name for name in _COUNTS if counts[name])
        if self.because and set(seen) != set(self.because):
            return f"expected a difference by {', '.join(self.because)}; found {', '.join(seen) or 'none'}"
        if self.rows is not None and not self.rows[0] <= sum(counts.values()) <= self.rows[1]:
            return f"expected {self.rows[0]} to {self.rows[1]} rows; found {sum(counts.values())}"
        found = {*comparison["detail"].get("missing_left", ()), *comparison["detail"].get("missing_right", ())}
        if self.missing and found != {day.isoformat() for day in self.missing}:
            return f"expected no rows on {', '.join(map(str, self.missing))}; found {', '.join(sorted(found))}"
        return self._unlike_told(comparison["explanation"] or {})

    def _unlike_told(self, explanation: Mapping[str, Any]) -> str | None:
        """What is not as expected of why and since when."""
        causes = tuple(cause["name"] for cause in explanation.get("causes", ()))
        if self.causes and causes != self.causes:
            return f"expected the causes {', '.join(self.causes)}; found {', '.join(causes) or 'none'}"
        parting = explanation.get("parting")
        if self.phase is not None and (parting is None or parting["index"] + 1 != self.phase):
            found = parting["index"] + 1 if parting else explanation.get("parting_untold") or "none"
            return f"expected the modes to part after phase {self.phase}; found {found}"
        return None


_COUNTS = ("only_left", "only_right", "changed", "multiplicity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The whole of expected.yaml."""

    windows: Mapping[str, Window]
    tails: Mapping[str, int]
    cells: Mapping[tuple[str, str, str, str], Cell]
    against_v1: Mapping[tuple[str, str, str], str]

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(tag for tag, _, _ in self.against_v1))

    def complaints(self, tag: str, window: str, comparisons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """What is not as expected in the comparisons of one run of a commit."""
        for comparison in comparisons:
            cell = self.cells[tag, window, comparison["output"], comparison["right"]]
            complaint = cell.complaint(comparison)
            if complaint is not None:
                pair = f"{comparison['output']} {comparison['left']} ~ {comparison['right']}"
                yield f"{tag} ({window} window) {pair}: {complaint}"


def read_expected() -> Expected:
    """Read what ships with the sample."""
    document = yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
    cells: dict[tuple[str, str, str, str], Cell] = {}
    against: dict[tuple[str, str, str], str] = {}
    for tag, windows in document["commits"].items():
        for window, outputs in windows.items():
            against |= {(tag, window, output): verdict for output, verdict in outputs["bf_against_v1"].items()}
            cells |= {
                (tag, window, output, mode): _cell(stated)
                for output, modes in outputs.items()
                if output != "bf_against_v1"
                for mode, stated in modes.items()
            }
    windows = {name: Window(each["start"], each["end"]) for name, each in document["windows"].items()}
    tails = {name: each.get("tail", document["tail"]) for name, each in document["windows"].items()}
    return Expected(windows=windows, tails=tails, cells=cells, against_v1=against)


def _cell(stated: str | Mapping[str, Any]) -> Cell:
    if isinstance(stated, str):
        return Cell(verdict=stated)
    return Cell(
        verdict=stated["verdict"],
        because=tuple(stated.get("because", ())),
        rows=tuple(stated["rows"]) if "rows" in stated else None,
        missing=tuple(stated.get("missing", ())),
        causes=tuple(stated.get("causes", ())),
        phase=stated.get("phase"),
    )
