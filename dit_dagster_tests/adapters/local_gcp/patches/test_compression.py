"""Rows are written as they are."""

from __future__ import annotations

from types import SimpleNamespace

import duckdb

from dit_dagster.adapters.local_gcp.patches.compression import _uncompressed
from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def test_nothing_is_compressed(tmp_path: object) -> None:
    """Of 200,000 rows that would be a few runs, every segment with more than one value is on disk as it was written."""
    engine = SimpleNamespace(connection=duckdb.connect(f"{tmp_path}/rows.duckdb"))
    _uncompressed(lambda _: None)(engine)

    engine.connection.execute("CREATE TABLE t AS SELECT i // 50000 AS n, 'same' AS s FROM range(200000) AS r(i)")
    engine.connection.execute("CHECKPOINT")

    kinds = engine.connection.execute(
        "SELECT DISTINCT compression FROM pragma_storage_info('t') WHERE compression <> 'Constant'"
    ).fetchall()
    assert kinds == [("Uncompressed",)]


def test_answers_are_the_same_with_it_and_without_it(emulator: Emulator) -> None:
    """It changes the space that rows take, and nothing else."""
    emulator.run("CREATE OR REPLACE TABLE d.t AS SELECT n, 'x' AS s FROM UNNEST(GENERATE_ARRAY(1, 5000)) AS n")

    assert emulator.run("SELECT COUNT(*), SUM(n), MIN(s) FROM d.t") == [(5000, 12502500, "x")]
