"""Which pipeline keeps which promises: the latest findings of each, as the registry has them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dit_dagster.model.contract import Promise
from dit_dagster.ports import Registry

CONTRACT = "contract"
_ALL = 100_000
_SIGNS = {"kept": "✓", "broken": "✗", "not checked": "?"}


def adoption(registry: Registry, pipelines: Sequence[str]) -> list[dict[str, Any]]:
    """The latest report of each pipeline; of one that was never checked its name, and nothing else."""
    latest: dict[str, Mapping[str, Any]] = {}
    for event in registry.of_pipeline(CONTRACT, None, _ALL):
        at = event.at.isoformat(timespec="seconds") if event.at else ""
        latest.setdefault(event.pipeline, {**event.payload, "checked_at": at})
    return [dict(latest.get(name, {"pipeline": name, "promises": []})) for name in pipelines]


_WORKING_COPY = re.compile(r"/[^\s\"']*/working/[^/\s]+/tree/")


def adoption_matrix(rows: Sequence[Mapping[str, Any]]) -> str:
    """The adoption matrix as Markdown: a row per promise, a column per pipeline, and below what each finding says."""
    names = [row["pipeline"] for row in rows]
    found = {row["pipeline"]: {one["promise"]: one for one in row["promises"]} for row in rows}
    lines = [
        f"| | promise | {' | '.join(names)} |",
        f"|---|---|{'---|' * len(names)}",
        *(_row(promise, names, found) for promise in Promise),
        "",
        "✓ kept, ✗ broken, ? not checked, empty: the pipeline was never checked.",
    ]
    for row in rows:
        if row["promises"]:
            lines += ["", *_section(row)]
    return "\n".join(lines) + "\n"


def _row(promise: Promise, names: Sequence[str], found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    signs = (_SIGNS.get(found[name].get(promise.title, {}).get("finding", ""), "") for name in names)
    return f"| {promise.number} | {promise.text} | {' | '.join(signs)} |"


def _section(row: Mapping[str, Any]) -> list[str]:
    start, end = row["window"]
    return [
        f"**{row['pipeline']}** at `{row['commit'][:12]}`, [{start}, {end}), on the {row['warehouse']} warehouse",
        "",
        *(f"- {one['number']} {one['promise']}: {one['finding']}: {_plain(one['because'])}" for one in row["promises"]),
    ]


def _plain(text: str) -> str:
    """One line that Markdown takes for text. Files of the program are named from the top of its tree: that is gone."""
    of_tree = _WORKING_COPY.sub("", " ".join(text.split()))
    return of_tree.replace("|", "\\|").replace("<", "&lt;")
