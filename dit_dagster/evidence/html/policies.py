"""What equal meant: keys, policies of columns, what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One output's policy as far as it says anything. `columns` are those that are not simply exact."""

    output: str
    facts: Pairs
    columns: Pairs
    ignored: Pairs


def policies(report: Mapping[str, Any]) -> tuple[Policy, ...]:
    """One for each output; its comparisons share it."""
    first = {one["output"]: one for one in reversed(report["comparisons"])}
    outputs = dict.fromkeys(one["output"] for one in report["comparisons"])
    return tuple(policy(first[output]) for output in outputs)


def policy(comparison: Mapping[str, Any]) -> Policy:
    evidence = comparison["detail"]["evidence"]
    declared: Mapping[str, Any] = evidence["policy"]
    columns = {name: _worded(each) for name, each in (declared.get("columns") or {}).items()}
    return Policy(
        output=comparison.get("output", ""),
        facts=tuple(_facts(declared, evidence)),
        columns=tuple(columns.items()),
        ignored=tuple((evidence.get("ignored") or declared.get("ignore") or {}).items()),
    )


def _facts(declared: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is declared, and only that; keys are told in any case, since without them no row is paired."""
    span, expected = declared.get("span"), declared.get("expected_diff")
    said = {
        "Rows are paired by": ", ".join(declared.get("keys") or ()) or "nothing: no keys are declared",
        "Compared columns": ", ".join(evidence.get("compared") or ()),
        "Only rows where": declared.get("where"),
        "Day of a row": declared.get("day"),
        "Dimensions": ", ".join(declared.get("dimensions") or ()),
        "A row reaches": f"from {span['start']} to {span['end']}" if span else None,
        "Expected to differ": f"{expected['rows']:,} rows where {expected['where']}" if expected else None,
        "Both sides may be empty": "yes" if declared.get("allow_empty") else None,
        "The key is a hash of the content": "yes" if declared.get("content_hash_key") else None,
        "Paired otherwise by": ", ".join(declared.get("alternate_keys") or ()),
    }
    return [(name, value) for name, value in said.items() if value]


def _worded(policy: Mapping[str, Any]) -> str:
    """A column's policy in words; kinds that this page does not know are told with all that they hold."""
    match policy:
        case {"kind": "tolerance", "abs": absolute, "rel": rel, **rest} if not rest:
            return f"within {_bounds(absolute, rel) or '0'}"
        case {"kind": "json", "abs": absolute, "rel": rel, **rest} if not rest:
            bounds = _bounds(absolute, rel)
            return f"as JSON values, numbers within {bounds}" if bounds else "as JSON values"
        case {"kind": "geography", "metres": metres, **rest} if not rest:
            return f"within {metres:g} m"
        case {"kind": str(kind), **rest}:
            more = ", ".join(f"{name}: {value}" for name, value in rest.items())
            return _KINDS.get(kind, kind) + (f" ({more})" if more else "")
    return str(policy)


def _bounds(absolute: float, rel: float) -> str:
    parts = [f"{absolute:g}"] if absolute else []
    parts += [f"{100 * rel:g} % of the larger value"] if rel else []
    return " or ".join(parts)


_KINDS = {"unordered": "in any order", "bitwise": "bit by bit"}
