"""One comparison by one peer, in this process: prints its answer, CPU and wall seconds and peak memory as JSON.

Runs in the peers' own environment and imports nothing of this project. Loading a module is not measured; reading the
input is.

    python peer.py TOOL DATABASE LEFT.parquet RIGHT.parquet KEYS TOLERANCE
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any


class Floor:
    """A scan: rows and the sum of the rows' hashes. What no comparison can be cheaper than."""

    def __init__(self) -> None:
        self.duckdb = import_module("duckdb")

    def equal(self, database: str, left: str, right: str, keys: list[str], tolerance: float) -> bool:  # noqa: ARG002
        connection = self.duckdb.connect(database, read_only=True)
        columns = ", ".join(f'"{row[0]}"' for row in connection.execute("DESCRIBE l").fetchall())
        sums = [
            connection.execute(f"SELECT COUNT(*), SUM(hash({columns})) FROM {side}").fetchall() for side in ("l", "r")
        ]
        return bool(sums[0] == sums[1])


class Join:
    """A FULL OUTER JOIN by key, with a count of differences for each column."""

    def __init__(self) -> None:
        self.duckdb = import_module("duckdb")

    def equal(self, database: str, left: str, right: str, keys: list[str], tolerance: float) -> bool:  # noqa: ARG002
        connection = self.duckdb.connect(database, read_only=True)
        names = [row[0] for row in connection.execute("DESCRIBE l").fetchall() if row[0] not in keys]
        on = " AND ".join(f'l."{key}" = r."{key}"' for key in keys)
        alone = [f'COUNT(*) FILTER (WHERE {side}."{keys[0]}" IS NULL)' for side in ("l", "r")]
        differ = [f'COUNT(*) FILTER (WHERE l."{name}" IS DISTINCT FROM r."{name}")' for name in names]
        counts = ", ".join([*alone, *differ])
        return not any(connection.execute(f"SELECT {counts} FROM l FULL OUTER JOIN r ON {on}").fetchone())


class Datacompy:
    """datacompy on polars: what its report is made of."""

    def __init__(self) -> None:
        self.polars, self.datacompy = import_module("polars"), import_module("datacompy")

    def equal(self, database: str, left: str, right: str, keys: list[str], tolerance: float) -> bool:  # noqa: ARG002
        frames = [self.polars.read_parquet(file) for file in (left, right)]
        compared = self.datacompy.PolarsCompare(*frames, join_columns=keys, abs_tol=tolerance)
        compared.report()
        return bool(compared.matches())


class SQLMesh:
    """SQLMesh's table_diff on DuckDB: schemas, then rows."""

    def __init__(self) -> None:
        self.diff = import_module("sqlmesh.core.table_diff").TableDiff
        self.adapter = import_module("sqlmesh.core.config.connection").DuckDBConnectionConfig

    def equal(self, database: str, left: str, right: str, keys: list[str], tolerance: float) -> bool:  # noqa: ARG002
        adapter = self.adapter(database=database).create_engine_adapter()
        diff = self.diff(adapter=adapter, source="l", target="r", on=keys)
        schema, rows = diff.schema_diff(), diff.row_diff()
        alone = rows.s_only_count + rows.t_only_count
        return not (schema.added or schema.removed or schema.modified or alone or rows.full_match_pct < 100)


class Reladiff:
    """reladiff's join of two tables in one database."""

    def __init__(self) -> None:
        self.reladiff, self.duckdb = import_module("reladiff"), import_module("duckdb")

    def equal(self, database: str, left: str, right: str, keys: list[str], tolerance: float) -> bool:  # noqa: ARG002
        with self.duckdb.connect(database) as looking:
            names = [row[0] for row in looking.execute("DESCRIBE l").fetchall() if row[0] not in keys]
        connection = self.reladiff.connect({"driver": "duckdb", "filepath": database})
        tables = [
            self.reladiff.TableSegment(connection, (name,), tuple(keys), extra_columns=tuple(names))
            for name in ("l", "r")
        ]
        found = self.reladiff.diff_tables(*tables, algorithm=self.reladiff.Algorithm.JOINDIFF)
        return not any(True for _ in found)


TOOLS: dict[str, Any] = {
    "floor": Floor,
    "join": Join,
    "datacompy": Datacompy,
    "SQLMesh": SQLMesh,
    "reladiff": Reladiff,
}


def main() -> None:
    """Compare once."""
    tool, database, left, right, keys, tolerance = sys.argv[1:]
    subject = TOOLS[tool]()
    before, started = _cpu(), time.monotonic()
    try:
        answer = "equal" if subject.equal(database, left, right, json.loads(keys), float(tolerance)) else "different"
    except Exception as error:  # noqa: BLE001  # a crash is an answer too
        answer = f"crash: {type(error).__name__}"
        print(error, file=sys.stderr)
    measured = {
        "answer": answer,
        "cpu": _cpu() - before,
        "wall": time.monotonic() - started,
        "peak": _peak(),
    }
    print(json.dumps(measured))


def _peak() -> float:
    """In MB. Not `ru_maxrss`: it begins at what the process that started this one held."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
