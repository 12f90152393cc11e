"""A statement is parsed once, and a generator's templates once for all.

BigQuery: not to be seen.
Emulator: every stage parses the statement again, up to seventeen times. And each time that text is generated, sqlglot
(where it is compiled) parses the seventeen templates of its DuckDB generator anew, which costs ten times as much as
the generation.
Here: the tree of a text is kept, and every stage that may change it gets a copy of its own; those that only look at a
statement share one. The templates are shared: a generator only reads them. Two thirds of a copy were the notes on nodes
(flat dictionaries: line, column), copied as deeply as anything; they are copied flat. A tree that a stage drops once it
is written as text is not copied for the writing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextvars import ContextVar
from functools import wraps
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_KEPT = 64
"""Statements: the stages of one follow one another, so that few are enough."""

_making_generator: ContextVar[bool] = ContextVar("making_generator", default=False)
_looking: ContextVar[bool] = ContextVar("looking", default=False)
_dropped: ContextVar[Any] = ContextVar("dropped", default=None)
"""The tree that its stage does not read again once it is text."""


def apply() -> None:
    """Remember what a dialect parsed; copy it quickly."""
    from bqemulator.catalog import ddl_sync
    from bqemulator.jobs import executor, routine_ddl
    from bqemulator.sql import catalog_schema
    from bqemulator.sql.translator import SQLTranslator
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.expressions import core

    wrap(core, "deepcopy", _flat_where_flat)
    wrap(Dialect, "parse", remembered)
    wrap(Dialect, "generator", _with_shared_templates)
    wrap(Dialect, "generate", _in_place_where_dropped)
    wrap(SQLTranslator, "_annotate_tree", lambda original: staticmethod(_dropping(original)))
    for owner, name in (
        (ddl_sync, "_detect_catalog_drop"),
        (ddl_sync, "_detect_create_schema"),
        (ddl_sync, "_detect_plain_create_table"),
        (executor, "_parse_for_classification"),
        (executor, "_reject_dml_on_immutable"),
        (catalog_schema, "build_catalog_schema"),
        (routine_ddl, "detect_drop_routine"),
    ):
        wrap(owner, name, looking)


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
        if _looking.get():
            return trees
        return [None if tree is None else tree.copy() for tree in trees]

    return parse


def looking(original: Any) -> Any:
    """`original`, which looks at what it parses, changes none of it and is done with it when it returns."""

    @wraps(original)
    def look(*arguments: Any, **options: Any) -> Any:
        token = _looking.set(True)
        try:
            return original(*arguments, **options)
        finally:
            _looking.reset(token)

    return look


def _dropping(original: Any) -> Any:
    """`original`, which annotates the tree that the translator writes as text and then leaves."""

    def annotate(*arguments: Any) -> Any:
        tree = original(*arguments)
        _dropped.set(tree)
        return tree

    return annotate


def _in_place_where_dropped(original: Any) -> Any:
    def generate(dialect: Any, expression: Any, copy: bool = True, **options: Any) -> Any:
        if expression is _dropped.get():
            _dropped.set(None)
            return original(dialect, expression, copy=False, **options)
        return original(dialect, expression, copy=copy, **options)

    return generate


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
