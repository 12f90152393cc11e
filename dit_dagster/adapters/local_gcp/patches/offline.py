"""Starting without a network.

BigQuery: not applicable.
Emulator: downloads DuckDB's spatial extension at every start and refuses to start without it; has no setting for it.
Here: the extensions are loaded from the Python packages that carry them. Avro is used if its package is installed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap


def apply() -> None:
    """Replace both loaders of the engine."""
    from bqemulator.storage.engine import DuckDBEngine

    wrap(DuckDBEngine, "_load_spatial", lambda _: lambda engine: _load(engine, "spatial", needed=True))
    wrap(DuckDBEngine, "_load_format_extensions", lambda _: lambda engine: _load(engine, "avro", needed=False))


PATCH = Patch(name="offline", apply=apply)


def extension(name: str) -> Path | None:
    """The file of DuckDB's extension, from its package; None without that. RuntimeError if it does not fit."""
    package = importlib.util.find_spec(f"duckdb_extension_{name}")
    if package is None or package.origin is None:
        return None
    import duckdb

    file = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.is_file():
        raise RuntimeError(f"duckdb-extension-{name} has no {file.name} for duckdb {duckdb.__version__}: pin both")
    return file


def _load(engine: Any, name: str, *, needed: bool) -> None:
    if (file := extension(name)) is not None:
        engine.connection.execute(f"LOAD '{file}'")
    elif needed:
        raise RuntimeError(f"the package duckdb-extension-{name} is missing; install it next to duckdb")
