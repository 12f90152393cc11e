"""Answers that belong to the question.

BigQuery: requests are independent.
Emulator: every thread (metadata requests, the storage API) shares one DuckDB connection, whose pending result is
replaced by whoever executes next: a reader can be handed another query's rows.
Here: the thread that runs queries keeps the connection; every other thread gets its own cursor on the database.
"""

from __future__ import annotations

import threading
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap


class _Cursors(threading.local):
    """One thread's cursor."""

    cursor: Any = None


def apply() -> None:
    """Make the engine's connection depend on the thread that asks."""
    from bqemulator.storage.engine import DuckDBEngine

    wrap(DuckDBEngine, "_apply_session_pragmas", _remember_thread)
    original = DuckDBEngine.connection.fget
    DuckDBEngine.connection = property(lambda engine: _connection(engine, original(engine)))


PATCH = Patch(name="connections", apply=apply)


def _remember_thread(original: Any) -> Any:
    def apply_session_pragmas(engine: Any) -> None:
        original(engine)
        engine.connection.execute("SET GLOBAL TimeZone = 'UTC'")  # cursors do not inherit the session's
        engine.dit_owner = threading.get_ident()
        engine.dit_cursors = _Cursors()

    return apply_session_pragmas


def _connection(engine: Any, shared: Any) -> Any:
    if getattr(engine, "dit_owner", None) in (None, threading.get_ident()):
        return shared
    cursors: _Cursors = engine.dit_cursors
    if cursors.cursor is None:
        cursors.cursor = shared.cursor()
    return cursors.cursor
