"""Rows are written as they are.

BigQuery: not to be seen.
Emulator: DuckDB tries every method of compression on every column it writes, which takes twice as long as writing; a
clone, which is a copy here, is written once and often dropped soon.
Here: nothing is compressed. A table takes two to three times the space on disk.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap


def apply() -> None:
    """Tell the database when it is opened."""
    from bqemulator.storage.engine import DuckDBEngine

    wrap(DuckDBEngine, "_apply_session_pragmas", _uncompressed)


PATCH = Patch(name="compression", apply=apply)


def _uncompressed(original: Any) -> Any:
    def apply_session_pragmas(engine: Any) -> None:
        original(engine)
        engine.connection.execute("SET GLOBAL force_compression = 'uncompressed'")

    return apply_session_pragmas
