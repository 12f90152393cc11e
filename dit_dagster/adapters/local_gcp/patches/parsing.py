"""A statement is parsed once.

BigQuery: not to be seen.
Emulator: every stage parses the statement again, up to seventeen times; for a statement of some length that is most
of its time.
Here: the tree of a text is kept, and every stage gets a copy of its own, which costs an eighth.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_KEPT = 64
"""Statements: the stages of one follow one another, so that few are enough."""


def apply() -> None:
    """Remember what a dialect parsed."""
    from sqlglot.dialects.dialect import Dialect

    wrap(Dialect, "parse", remembered)


PATCH = Patch(name="parsing", apply=apply)


def remembered(original: Any) -> Any:
    """`original(dialect, sql, **options)` with a memory; no two callers are given one tree."""
    kept: OrderedDict[Any, list[Any]] = OrderedDict()
    guard = threading.Lock()

    def parse(dialect: Any, sql: str, **options: Any) -> list[Any]:
        if options:
            result: list[Any] = original(dialect, sql, **options)
            return result
        key = (type(dialect), str(dialect.settings), str(dialect.normalization_strategy), sql)
        with guard:
            trees = kept.get(key)
        if trees is None:
            trees = original(dialect, sql)
            with guard:
                kept[key] = trees
                while len(kept) > _KEPT:
                    kept.popitem(last=False)
        return [None if tree is None else tree.copy() for tree in trees]

    return parse
