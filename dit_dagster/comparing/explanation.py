"""Reading the residue's answer: from told rows to an `Explanation` that people can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dit_dagster.comparing.distance import UNITS
from dit_dagster.comparing.documents import reads_json, shown_json
from dit_dagster.comparing.schema import NUMBERS, Column, Layout
from dit_dagster.comparing.telling import SAMPLE_CHARACTERS
from dit_dagster.model.policy import Exact
from dit_dagster.model.verdict import ColumnDifference, Explanation, Sample
from dit_dagster.ports import Field

MOST_SAMPLES = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """An explanation; how many of its differences were announced, and how many pairs might have been other ones."""

    explanation: Explanation
    expected: int
    ambiguous: int

    @property
    def beyond(self) -> int:
        """Differences that no tolerance covers: pairs, and rows that stayed alone."""
        told = self.explanation
        return told.only_left + told.only_right + told.changed + told.multiplicity


def read(rows: Iterable[Told], layout: Layout, *, at_boundaries: bool) -> Findings:
    """Put together what the residue's statement told."""
    told: dict[str, list[Told]] = {}
    for row in rows:
        told.setdefault(str(row["told"]), []).append(row)
    totals = {str(row["s"]): row for row in told.get("total", [])}
    counts = {kind: int(row["n"]) for kind, row in totals.items()}
    columns = _columns(told.get("column", []), _histograms(told.get("bucket", [])), layout)
    different = [row for kind, row in totals.items() if kind != "near"]
    explanation = Explanation(
        only_left=counts.get("only_left", 0),
        only_right=counts.get("only_right", 0),
        changed=counts.get("changed", 0),
        multiplicity=counts.get("multiplicity", 0),
        multiplicity_left=int(totals["multiplicity"]["p"]) if "multiplicity" in totals else 0,
        within_tolerance=counts.get("near", 0),
        columns=columns,
        samples=_samples(told, layout, columns),
        days=tuple(sorted((date.fromisoformat(row["s"]), int(row["n"])) for row in told.get("day", []))),
        dimensions=tuple(
            (layout.dimensions[row["i"]].name, _unmarked(row["s"], layout.dimensions[row["i"]]), int(row["n"]))
            for row in sorted(told.get("value", []), key=lambda row: (row["i"], -row["n"], row["s"] or ""))
        ),
        ambiguous_keys=sum(int(row["i"]) for row in totals.values()),
        at_boundary=_share(different, "m") if at_boundaries else None,
    )
    return Findings(
        explanation=explanation,
        expected=sum(int(row["o"]) for row in different),
        ambiguous=sum(int(row["x"]) for row in different),
    )


def accounted(rows: Iterable[Told]) -> tuple[int, ...] | None:
    """The sums of the surplus rows' hashes, left less right, as a digest has them; None where nobody asked."""
    sums = next((row["s"] for row in rows if row["told"] == "sums"), None)
    return None if sums is None else tuple(int(each or 0) for each in json.loads(sums))


def keys_counted(rows: Iterable[Told], among: str = "rows") -> dict[int, int]:
    """Per side, 0 or 1, how many keys it has, among all its rows or among the suspects; only where that was asked."""
    return {int(row["i"]): int(row["n"]) for row in rows if row["told"] == "keys" and row["s"] == among}


def shown(text: str | None, of: Column) -> str | None:
    """A canonical text as people write it."""
    if text is None:
        return None
    if of.is_list:
        return _list_shown(text, of) if _whole_text(text) else text
    if reads_json(of):
        return shown_json(text)
    if of.field is not None:
        return json.dumps(_nested(json.loads(text), of.field), ensure_ascii=False) if _whole_text(text) else text
    match of.type:
        case "FLOAT64":
            return repr(float(text)) if text != "NaN" else text
        case "TIMESTAMP":
            return (_EPOCH + timedelta(microseconds=int(text))).isoformat(sep=" ")
    return text


def _list_shown(text: str, of: Column) -> str:
    """A list's values; of STRUCTs and ARRAYs, how many there are."""
    values = json.loads(text)
    if of.type in ("STRUCT", "ARRAY"):
        counts = [len(json.loads(each)) for each in values] if of.type == "ARRAY" else [len(values)]
        absent = f", {values.count(None)} of them NULL" if None in values else ""
        return f"{' + '.join(map(str, counts)) or 0} element{'' if counts == [1] else 's'}{absent}"
    one = replace(of, path=())
    if of.field is not None:
        return json.dumps([_nested(_opened(each, of.field), of.field) for each in values], ensure_ascii=False)
    return json.dumps([shown(each, one) for each in values], ensure_ascii=False)


def _whole_text(text: str) -> bool:
    return len(text) < SAMPLE_CHARACTERS - 1


def _nested(value: Any, of: Field) -> Any:
    """What a text of texts stands for (rows.py)."""
    if value is None:
        return None
    if of.mode == "REPEATED":
        element = replace(of, mode="NULLABLE")
        return [_nested(_opened(each, element), element) for each in value]
    if of.type == "STRUCT":
        members = zip(of.fields, value, strict=True)
        return {child.name: _nested(_opened(each, child), child) for child, each in members}
    return shown(value, Column(name=of.name, type=of.type, policy=Exact()))


def _opened(value: str | None, of: Field) -> Any:
    return json.loads(value) if value is not None and (of.type == "STRUCT" or of.mode == "REPEATED") else value


def _unmarked(text: str, of: Column) -> str | None:
    """The value behind a marked text (rows.py): no characters at all are NULL."""
    return shown(text[1:] if text else None, of)


def _share(rows: Sequence[Told], part: str) -> float | None:
    total = sum(int(row["n"]) for row in rows)
    return sum(int(row[part]) for row in rows) / total if total else None


Histogram = tuple[tuple[int, int], ...]


def _histograms(rows: Iterable[Told]) -> Mapping[int, Histogram]:
    """Per column's place, how many values lie 10^e to 10^(e+1) apart, by e."""
    found: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        found.setdefault(int(row["i"]), []).append((int(row["m"]), int(row["n"])))
    return {place: tuple(sorted(buckets)) for place, buckets in found.items()}


def _columns(rows: Iterable[Told], histograms: Mapping[int, Histogram], layout: Layout) -> tuple[ColumnDifference, ...]:
    """Columns by number of differences, most first."""
    found = [_column(row, layout.leaves[row["i"] - 1], histograms.get(int(row["i"]), ())) for row in rows]
    return tuple(sorted(found, key=lambda column: (-column.mismatches, -column.within_tolerance, column.name)))


def _column(row: Told, of: Column, histogram: Histogram) -> ColumnDifference:
    has_order = of.type in NUMBERS | UNITS.keys() and not of.is_list
    return ColumnDifference(
        name=of.name,
        type=f"ARRAY<{of.type}>" if of.is_list else of.type,
        mismatches=int(row["n"]),
        within_tolerance=int(row["m"]),
        null_on_one_side=int(row["o"]),
        null_on_right=int(row["q"]),
        greater_on_right=int(row["p"]) if has_order else None,
        max_abs=row["x"],
        mean_abs=row["y"],
        max_rel=row["z"] if of.type in NUMBERS else None,
        unit=UNITS.get(of.type),
        histogram=histogram,
    )


def _samples(
    told: Mapping[str, Sequence[Told]], layout: Layout, columns: Sequence[ColumnDifference]
) -> tuple[Sample, ...]:
    """Changed values first, one of each column in turn, then rows that stayed alone, one of each kind in turn."""
    places = {column.name: place for place, column in enumerate(columns)}
    cells = sorted(told.get("cell", []), key=lambda row: (row["n"], places[layout.leaves[row["i"] - 1].name]))
    rows = sorted(told.get("row", []), key=lambda row: (row["i"], row["a"] is None))
    samples = [_cell(row, layout) for row in cells] + [_row(row, layout) for row in rows]
    if len(samples) <= MOST_SAMPLES:
        return tuple(samples)
    few = min(len(rows), MOST_SAMPLES // 4)
    return tuple(samples[: MOST_SAMPLES - few] + samples[len(cells) : len(cells) + few])[:MOST_SAMPLES]


def _cell(row: Told, layout: Layout) -> Sample:
    column = layout.leaves[row["i"] - 1]
    return Sample(
        key=_key(row["s"], layout),
        column=column.name,
        left=_unmarked(row["a"], column),
        right=_unmarked(row["b"], column),
    )


def _row(row: Told, layout: Layout) -> Sample:
    left, right = (row_shown(row[side], layout) for side in ("a", "b"))
    return Sample(key=_key(row["s"], layout), column=None, left=left, right=right)


def _key(text: str, layout: Layout) -> dict[str, str | None]:
    return key_shown(text, layout.pairing) if layout.pairing else {}


def key_shown(text: str, keys: Sequence[Column]) -> dict[str, str | None]:
    """A key's text (counting.py) as people write it."""
    return {key.name: shown(value, key) for key, value in zip(keys, json.loads(text), strict=True)}


def row_shown(text: str | None, layout: Layout) -> str | None:
    """A row as a JSON object of shown values."""
    if text is None:
        return None
    values = zip(layout.leaves, json.loads(text), strict=True)
    return json.dumps({column.name: _unmarked(value, column) for column, value in values}, ensure_ascii=False)
