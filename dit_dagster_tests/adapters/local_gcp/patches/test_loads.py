from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def load(emulator: Emulator, content: bytes, kind: str, target: str = "t", **settings: Any) -> Any:
    config = bigquery.LoadJobConfig(source_format=kind, **settings)
    job = emulator.client.load_table_from_file(
        io.BytesIO(content), emulator.reference(target), job_config=config, num_retries=0, size=len(content)
    )
    return job.result(retry=None)


def load_uri(emulator: Emulator, uri: str, kind: str, target: str = "t", **settings: Any) -> Any:
    config = bigquery.LoadJobConfig(source_format=kind, **settings)
    return emulator.client.load_table_from_uri(uri, emulator.reference(target), job_config=config, retry=None).result(
        retry=None
    )


def parquet(**columns: list[Any]) -> bytes:
    output = io.BytesIO()
    pq.write_table(pa.table(columns), output)
    return output.getvalue()


def file(emulator: Emulator, name: str, content: bytes) -> str:
    path: Path = emulator.storage_root / emulator.dataset / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return f"gs://{emulator.dataset}/{name}"


def test_parquet_columns_match_by_name(emulator: Emulator) -> None:
    """The order of the file's columns does not matter."""
    emulator.run("CREATE TABLE d.t (a STRING, b STRING)")

    def probe() -> Any:
        load(emulator, parquet(b=["bee"], a=["ay"]), "PARQUET")
        return emulator.run("SELECT a, b FROM d.t")

    emulator.shows(probe, [("ay", "bee")])


def test_parquet_makes_the_table(emulator: Emulator) -> None:
    """A missing table gets the file's schema, in BigQuery's widths."""

    def probe() -> Any:
        load(emulator, parquet(x=pa.array([1], pa.int32()), f=pa.array([0.5], pa.float32()), l=[[1, 2]]), "PARQUET")
        return [(f.name, f.field_type, f.mode) for f in emulator.table().schema], emulator.run("SELECT x, f FROM d.t")

    schema = [("x", "INTEGER", "NULLABLE"), ("f", "FLOAT", "NULLABLE"), ("l", "INTEGER", "REPEATED")]
    emulator.shows(probe, (schema, [(1, 0.5)]))


def test_truncation_replaces_the_schema(emulator: Emulator) -> None:
    """WRITE_TRUNCATE takes the file's schema."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS old")

    def probe() -> Any:
        load(emulator, parquet(new=[5]), "PARQUET", write_disposition="WRITE_TRUNCATE")
        return [field.name for field in emulator.table().schema], emulator.run("SELECT * FROM d.t")

    emulator.shows(probe, (["new"], [(5,)]))


def test_json_numbers_are_seconds_in_timestamps(emulator: Emulator) -> None:
    """Epoch numbers and text are both timestamps."""
    emulator.run("CREATE TABLE d.t (ts TIMESTAMP)")
    lines = b'{"ts": 1600000000.123456}\n{"ts": "2020-09-13 12:26:40 UTC"}\n{"ts": 0}\n'

    def probe() -> Any:
        load(emulator, lines, "NEWLINE_DELIMITED_JSON")
        return sorted(emulator.run("SELECT FORMAT_TIMESTAMP('%F %H:%M:%E6S', ts) FROM d.t"))

    right = ["1970-01-01 00:00:00.000000", "2020-09-13 12:26:40.000000", "2020-09-13 12:26:40.123456"]
    emulator.shows(probe, [(text,) for text in right])


def test_unknown_json_fields_are_refused(emulator: Emulator) -> None:
    """A field that the table does not have is an error, unless it is to be ignored."""
    emulator.run("CREATE TABLE d.t (x INT64)")
    line = b'{"x": 1, "y": 2}\n'

    def probe() -> Any:
        refused = str(emulator.outcome(lambda: load(emulator, line, "NEWLINE_DELIMITED_JSON")))
        load(emulator, line, "NEWLINE_DELIMITED_JSON", ignore_unknown_values=True)
        return "No such field: y" in refused, emulator.run("SELECT x FROM d.t")

    emulator.shows(probe, (True, [(1,)]))


def test_json_values_of_every_type(emulator: Emulator) -> None:
    """Text and numbers become the column's type exactly."""
    emulator.run("CREATE TABLE d.t (i INT64, n NUMERIC, b BYTES, d DATE, r STRUCT<v INT64>, l ARRAY<STRING>, o BOOL)")
    line = (
        b'{"i": "9007199254740993", "n": 0.123456789, "b": "aGk=", "d": "2024-01-31", "r": {"v": 4}, "l": ["p"],'
        b' "o": true}\n'
    )

    def probe() -> Any:
        load(emulator, line, "NEWLINE_DELIMITED_JSON")
        return emulator.run("SELECT i, CAST(n AS STRING), b, CAST(d AS STRING), r.v, l, o FROM d.t")

    emulator.shows(probe, [(9007199254740993, "0.123456789", b"hi", "2024-01-31", 4, ["p"], True)])


def test_csv_has_no_header_unless_said(emulator: Emulator) -> None:
    """The first line is data; skipLeadingRows skips; empty text is text and an empty number is NULL."""
    emulator.run("CREATE TABLE d.t (s STRING, x INT64)")

    def probe() -> Any:
        load(emulator, b"a,1\n,\n", "CSV")
        load(emulator, b"s;x\nb;2\n", "CSV", skip_leading_rows=1, field_delimiter=";")
        return sorted(emulator.run("SELECT s, IFNULL(x, -1) FROM d.t"))

    emulator.shows(probe, [("", -1), ("a", 1), ("b", 2)])


def test_wildcards_and_atomicity(emulator: Emulator) -> None:
    """A wildcard loads all files it matches, or nothing if one of them is bad."""
    emulator.run("CREATE TABLE d.t (x INT64)")
    for name, content in {
        "good/1.csv": b"1\n",
        "good/2.csv": b"2\n",
        "bad/1.csv": b"1\n",
        "bad/2.csv": b"no\n",
    }.items():
        file(emulator, name, content)

    def probe() -> Any:
        load_uri(emulator, f"gs://{emulator.dataset}/good/*.csv", "CSV")
        failed = str(emulator.outcome(lambda: load_uri(emulator, f"gs://{emulator.dataset}/bad/*.csv", "CSV")))
        return failed.partition(":")[0], sorted(emulator.run("SELECT x FROM d.t"))

    emulator.shows(probe, ("BadRequest", [(1,), (2,)]))


def test_a_partition_is_loaded(emulator: Emulator) -> None:
    """A decorated destination with WRITE_TRUNCATE replaces one partition."""
    emulator.run(
        "CREATE TABLE d.t PARTITION BY day AS"
        " SELECT DATE '2024-01-01' AS day, 1 AS x UNION ALL SELECT DATE '2024-01-02', 2"
    )

    def probe() -> Any:
        line = b'{"day": "2024-01-02", "x": 9}\n'
        load(emulator, line, "NEWLINE_DELIMITED_JSON", "t$20240102", write_disposition="WRITE_TRUNCATE")
        return sorted(emulator.run("SELECT x FROM d.t"))

    emulator.shows(probe, [(1,), (9,)])


def test_layout_of_the_job_is_applied(emulator: Emulator) -> None:
    """A load that makes the table partitions and clusters it."""

    def probe() -> Any:
        load(
            emulator,
            b'{"day": "2024-01-02", "x": 9}\n',
            "NEWLINE_DELIMITED_JSON",
            schema=[bigquery.SchemaField("day", "DATE", "REQUIRED"), bigquery.SchemaField("x", "INTEGER")],
            time_partitioning=bigquery.TimePartitioning(field="day"),
            clustering_fields=["x"],
        )
        table = emulator.table()
        return table.time_partitioning.field, table.clustering_fields, table.schema[0].mode

    emulator.shows(probe, ("day", ["x"], "REQUIRED"))


def test_a_missing_file_is_said_once(emulator: Emulator) -> None:
    """A URI that names nothing fails the job."""
    emulator.run("CREATE TABLE d.t (x INT64)")
    outcome = emulator.outcome(lambda: load_uri(emulator, "gs://nowhere/*.csv", "CSV"))

    assert outcome.partition(":")[0] in {"NotFound", "BadRequest"}


@pytest.mark.parametrize("kind", ["CSV", "NEWLINE_DELIMITED_JSON"])
def test_autodetection(emulator: Emulator, kind: str) -> None:
    """Autodetect finds names and types."""
    content = {"CSV": b"name,x\nann,1\nbob,2\n", "NEWLINE_DELIMITED_JSON": b'{"name": "ann", "x": 1}\n'}[kind]

    def probe() -> Any:
        load(emulator, content, kind, autodetect=True)
        return [(f.name, f.field_type) for f in emulator.table().schema]

    emulator.shows(probe, [("name", "STRING"), ("x", "INTEGER")])
