"""Everything that is told of one pair, as one section of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dit_dagster.evidence.crossing import shown
from dit_dagster.evidence.html.bars import Columns, Dimension, Histogram, columns, dimensions, histograms
from dit_dagster.evidence.html.days import Days, days
from dit_dagster.evidence.html.facts import Pairs, spent
from dit_dagster.evidence.html.samples import Alone, Samples, alone_row, samples
from dit_dagster.evidence.html.words import MEANINGS, SIGNS, UNEXPLAINED, counted, short

_COUNTS = (
    ("changed", "changed"),
    ("only_left", "only in {left}"),
    ("only_right", "only in {right}"),
    ("multiplicity", "copies too many"),
    ("within_tolerance", "within the tolerance"),
    ("ambiguous_keys", "keys in doubt"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """The first phase after which the modes part, and what differed right then."""

    mode: str
    number: int
    fingerprint: str
    start: str
    end: str
    commands: tuple[str, ...]
    rows: int | None
    extra: tuple[Alone, ...]
    missing: tuple[Alone, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One comparison. `day_column` is the declared one, if any."""

    output: str
    left: str
    right: str
    verdict: str
    meaning: str
    outcome: str
    sign: str
    rows: tuple[str, str]
    reason: str
    counts: Pairs
    causes: Pairs
    warnings: tuple[str, ...]
    at_boundary: str
    parting: Parting | None
    parting_untold: str
    columns: Columns
    histograms: tuple[Histogram, ...]
    days: Days | None
    day_column: str
    explained: bool
    dimensions: tuple[Dimension, ...]
    samples: Samples
    facts: Pairs


def section(comparison: Mapping[str, Any], window: Sequence[str] | None = None, starts: Sequence[str] = ()) -> Section:
    """`window` and `starts`, the days on which the right side's phases begin, are known of runs only."""
    evidence, explanation = comparison["detail"]["evidence"], comparison.get("explanation") or {}
    return Section(
        output=comparison.get("output", ""),
        left=comparison["left"],
        right=comparison["right"],
        verdict=comparison["verdict"],
        meaning=MEANINGS.get(comparison["verdict"], ""),
        outcome=shown(comparison),
        sign=SIGNS[shown(comparison)],
        rows=(counted(comparison["rows_left"]), counted(comparison["rows_right"])),
        reason=comparison["reason"],
        counts=tuple(_counts(comparison, explanation)),
        causes=tuple(_causes(explanation)),
        warnings=tuple(comparison["warnings"]),
        at_boundary=_at_boundary(explanation),
        parting=_parting(explanation.get("parting"), comparison),
        parting_untold=explanation.get("parting_untold") or "",
        columns=columns(comparison),
        histograms=histograms(comparison),
        days=days(comparison, window, starts),
        day_column=evidence["policy"].get("day") or "",
        explained=bool(explanation),
        dimensions=dimensions(comparison),
        samples=samples(comparison),
        facts=tuple(_facts(comparison, evidence)),
    )


def _counts(comparison: Mapping[str, Any], explanation: Mapping[str, Any]) -> list[tuple[str, str]]:
    sides = {side: comparison[side] for side in ("left", "right")}
    return [(label.format(**sides), counted(explanation[name])) for name, label in _COUNTS if explanation.get(name)]


def _causes(explanation: Mapping[str, Any]) -> list[tuple[str, str]]:
    causes = explanation.get("causes") or ()
    if not causes and explanation.get("cause"):
        return [("", explanation["cause"])]
    unexplained = {"unexplained": UNEXPLAINED}
    return [(cause["name"], cause["evidence"] or unexplained.get(cause["name"], "")) for cause in causes]


def _at_boundary(explanation: Mapping[str, Any]) -> str:
    share = explanation.get("at_boundary")
    return "" if share is None else f"{100 * share:.3g} % of the differing rows reach over a slice boundary."


def _parting(told: Mapping[str, Any] | None, comparison: Mapping[str, Any]) -> Parting | None:
    if not told:
        return None
    mode = told.get("mode") or comparison["right"]
    rows: Sequence[Mapping[str, Any]] = told.get("samples") or ()
    kinds = {
        kind: tuple(alone_row(row["key"], row["row"]) for row in rows if row["kind"] == kind)
        for kind in ("extra", "missing")
    }
    return Parting(
        mode=mode,
        number=int(told.get("index", 0)) + 1,
        fingerprint=short(told["fingerprint"]),
        start=told["start"],
        end=told["end"],
        commands=tuple(told.get("commands") or ()),
        rows=told.get("rows"),
        extra=kinds["extra"],
        missing=kinds["missing"],
    )


def _facts(comparison: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the answer was found, and what it cost."""
    said = [("Found by", comparison["method"]), ("Engine", evidence.get("engine") or "")]
    for side in ("left", "right"):
        of = evidence[side]
        twice, looked_at = of.get("duplicate_keys"), of.get("sampled_keys")
        said += [
            (f"Table of {comparison[side]}", of.get("table") or ""),
            (f"Code of {comparison[side]}", of.get("code") or ""),
            (f"Rows of {comparison[side]} with the key of an earlier row", counted(twice) if twice else ""),
            (f"Keys of {comparison[side]} looked at, none repeated", counted(looked_at) if looked_at else ""),
        ]
    said.append(("Cost", spent(evidence["cost"])))
    return [(name, value) for name, value in said if value]
