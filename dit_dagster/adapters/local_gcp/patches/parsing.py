"""A statement is parsed once, and a generator's templates once for all.

BigQuery: not to be seen.
Emulator: every stage parses the statement again, up to seventeen times. And each time that text is generated, sqlglot
(where it is compiled) parses the seventeen templates of its DuckDB generator anew, which costs ten times as much as
the generation.
Here: the tree of a text is kept, and every stage gets a copy of its own. The templates are shared: a generator only
reads them. Two thirds of a copy were the notes on nodes (flat dictionaries: line, column), copied as deeply as
anything; they are copied flat.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextvars import ContextVar
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_KEPT = 64
"""Statements: the stages of one follow one another, so that few are enough."""

_making_generator: ContextVar[bool] = ContextVar("making_generator", default=False)


def apply() -> None:
    """Remember what a dialect parsed; copy it quickly."""
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.expressions import core

    wrap(core, "deepcopy", _flat_where_flat)
    wrap(Dialect, "parse", remembered)
    wrap(Dialect, "generator", _with_shared_templates)


PATCH = Patch(name="parsing", apply=apply)


def remembered(original: Any) -> Any:
    """`original(dialect, sql, **options)` with a memory; no two callers are given one tree, but generators are."""
    kept: OrderedDict[Any, list[Any]] = OrderedDict()
    templates: dict[Any, list[Any]] = {}
    guard = threading.Lock()

    def parse(dialect: Any, sql: str, **options: Any) -> list[Any]:
        if options:
            result: list[Any] = original(dialect, sql, **options)
            return result
        key = (type(dialect), str(dialect.settings), str(dialect.normalization_strategy), sql)
        if _making_generator.get():
            if key not in templates:
                templates[key] = original(dialect, sql)
            return templates[key]
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


def _with_shared_templates(original: Any) -> Any:
    def generator(dialect: Any, **options: Any) -> Any:
        token = _making_generator.set(True)
        try:
            return original(dialect, **options)
        finally:
            _making_generator.reset(token)

    return generator


def _flat_where_flat(original: Any) -> Any:
    def deepcopy(value: Any, *memo: Any) -> Any:
        return value.copy() if type(value) is dict else original(value, *memo)

    return deepcopy
