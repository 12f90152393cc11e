"""A statement is parsed once, and a generator's templates once for all.

BigQuery: not to be seen.
Emulator: every stage parses the statement again, up to seventeen times. And each time that text is generated, sqlglot
(where it is compiled) parses the seventeen templates of its DuckDB generator anew, which costs ten times as much as
the generation.
Here: the tree of a text is kept, and every stage that may change it gets a copy of its own; those that only look at a
statement share one. The templates are shared: a generator only reads them. Two thirds of a copy were the notes on nodes
(flat dictionaries: line, column), copied as deeply as anything; they are copied flat. A tree that a stage drops once it
is written as text is not copied for the writing, and a text that no later stage reads is not kept. A stage that a text
cannot concern does not parse it. While it parses, sqlglot copies what each FROM reads, to learn its alias, so that a
query nested n deep is copied n times: of a subquery it is given the alias.
"""

from __future__ import annotations

import re
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
_parsing: ContextVar[bool] = ContextVar("parsing", default=False)
_owning: ContextVar[bool] = ContextVar("owning", default=False)
_dropped: ContextVar[Any] = ContextVar("dropped", default=None)
"""The tree that its stage does not read again once it is text."""

_FIRST = object()
"""In its place: the tree that is parsed next."""

_JSON = re.compile(r"TO_JSON(?!_STRING)", re.IGNORECASE)
_CREATE = re.compile(r"CREATE", re.IGNORECASE)
_DML = re.compile(r"INSERT|UPDATE|DELETE|MERGE|TRUNCATE", re.IGNORECASE)


def apply() -> None:
    """Remember what a dialect parsed; copy it quickly."""
    from bqemulator.catalog import ddl_sync
    from bqemulator.jobs import executor, routine_ddl
    from bqemulator.sql import catalog_schema, table_rewriter
    from bqemulator.sql.rewriter import create_table_schema_ctas, json_helpers
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
        (ddl_sync, "_detect_plain_create_view"),
        (executor, "_parse_for_classification"),
        (executor, "_reject_dml_on_immutable"),
        (catalog_schema, "build_catalog_schema"),
        (routine_ddl, "detect_drop_routine"),
    ):
        wrap(owner, name, looking)
    wrap(json_helpers, "rewrite_json_helpers", lambda original: _where(_JSON, original))
    wrap(create_table_schema_ctas, "rewrite_create_table_schema_ctas", lambda original: _where(_CREATE, original))
    wrap(executor, "_capture_dml_snapshots", _of_changes)
    wrap(SQLTranslator, "_apply_rules", owning)
    wrap(table_rewriter, "rewrite_table_refs", _of_own_tree)


PATCH = Patch(name="parsing", apply=apply)


def remembered(original: Any) -> Any:
    """`original(dialect, sql, **options)` with a memory; no two callers are given one tree, but generators are."""
    kept: OrderedDict[Any, list[Any]] = OrderedDict()
    templates: dict[Any, list[Any]] = {}
    guard = threading.Lock()

    def parsed(dialect: Any, sql: str, **options: Any) -> list[Any]:
        token = _parsing.set(True)
        try:
            trees: list[Any] = original(dialect, sql, **options)
        finally:
            _parsing.reset(token)
        return trees

    def parse(dialect: Any, sql: str, **options: Any) -> list[Any]:
        if options:
            return parsed(dialect, sql, **options)
        key = (type(dialect), str(dialect.settings), str(dialect.normalization_strategy), sql)
        if _making_generator.get():
            if key not in templates:
                templates[key] = parsed(dialect, sql)
            return templates[key]
        with guard:
            trees = kept.get(key)
        if trees is None:
            trees = parsed(dialect, sql)
            if _owning.get():
                _dropped.set(trees[0] if _dropped.get() is _FIRST else _dropped.get())
                return trees
            with guard:
                kept[key] = trees
                while len(kept) > _KEPT:
                    kept.popitem(last=False)
        if _looking.get():
            return trees
        return [None if tree is None else tree.copy() for tree in trees]

    return parse


def looking(original: Any) -> Any:
    """`original`, which looks at what it parses and changes none of it, nor does whoever gets a part of it."""

    @wraps(original)
    def look(*arguments: Any, **options: Any) -> Any:
        token = _looking.set(True)
        try:
            return original(*arguments, **options)
        finally:
            _looking.reset(token)

    return look


def owning(original: Any) -> Any:
    """`original`, whose text no later stage parses: the tree is its own, and is not kept."""

    @wraps(original)
    def own(*arguments: Any, **options: Any) -> Any:
        token = _owning.set(True)
        try:
            return original(*arguments, **options)
        finally:
            _owning.reset(token)

    return own


def _where(concerned: re.Pattern[str], original: Any) -> Any:
    """`original(sql)` where `concerned` is found; any other text would be parsed and come back as it is."""

    @wraps(original)
    def rewrite(sql: str) -> str:
        rewritten: str = original(sql) if concerned.search(sql) else sql
        return rewritten

    return rewrite


def _of_changes(original: Any) -> Any:
    """`original(project, sql, context)`, which does something after a change of data only."""

    async def capture(project: str, sql: str, context: Any) -> None:
        if _DML.search(sql):
            await original(project, sql, context)

    return capture


def _of_own_tree(original: Any) -> Any:
    """`original(sql, project)`, which parses one text, and writes the tree as text as the last thing it does."""
    owned = owning(original)

    @wraps(original)
    def rewrite(sql: str, project: str) -> Any:
        token = _dropped.set(_FIRST)
        try:
            return owned(sql, project)
        finally:
            _dropped.reset(token)

    return rewrite


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
    from sqlglot import exp

    def deepcopy(value: Any, *memo: Any) -> Any:
        if type(value) is dict:
            return value.copy()
        if _parsing.get() and type(value) is exp.Subquery and type(value.parent) is exp.From:
            alias = value.args.get("alias")
            return exp.Subquery(this=exp.Null(), alias=None if alias is None else alias.copy())
        return original(value, *memo)

    return deepcopy
