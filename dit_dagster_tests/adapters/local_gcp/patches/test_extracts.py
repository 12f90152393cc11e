from __future__ import annotations

import gzip
from typing import Any

from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def extract(emulator: Emulator, path: str, table: str = "t", **settings: Any) -> Any:
    config = bigquery.ExtractJobConfig(**settings)  # type: ignore[no-untyped-call]
    job = emulator.client.extract_table(
        emulator.reference(table), f"gs://{emulator.dataset}/{path}", job_config=config, retry=None
    )
    return job.result(retry=None)


def test_a_star_becomes_a_file_number_and_folders_are_made(emulator: Emulator) -> None:
    """The export is one numbered file, in a folder that did not exist, and the job counts it."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")

    def probe() -> Any:
        job = extract(emulator, "new/folder/part-*.csv")
        found = [path.name for path in (emulator.storage_root / emulator.dataset).rglob("*.csv")]
        return found, job.destination_uri_file_counts

    emulator.shows(probe, (["part-000000000000.csv"], [1]))


def test_text_is_in_bigquerys_notation(emulator: Emulator) -> None:
    """Timestamps end in UTC, JSON integers are text, bytes are base64."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x, TIMESTAMP '2024-01-31 10:00:00.5 UTC' AS ts, b'hi' AS b")
    (emulator.storage_root / emulator.dataset).mkdir()

    def probe() -> str:
        extract(emulator, "t.json", destination_format="NEWLINE_DELIMITED_JSON")
        return (emulator.storage_root / emulator.dataset / "t.json").read_text()

    emulator.shows(probe, '{"x":"1","ts":"2024-01-31 10:00:00.5 UTC","b":"aGk="}\n')


def test_options_are_honoured(emulator: Emulator) -> None:
    """Compression, delimiter and header."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x, 2 AS y")
    (emulator.storage_root / emulator.dataset).mkdir()

    def probe() -> bytes:
        extract(emulator, "t.csv", compression="GZIP", field_delimiter="|", print_header=False)
        return gzip.decompress((emulator.storage_root / emulator.dataset / "t.csv").read_bytes())

    emulator.shows(probe, b"1|2\n")


def test_one_partition(emulator: Emulator) -> None:
    """A decorated source exports that partition."""
    emulator.run(
        "CREATE TABLE d.t PARTITION BY day AS"
        " SELECT DATE '2024-01-01' AS day, 1 AS x UNION ALL SELECT DATE '2024-01-02', 2"
    )

    def probe() -> str:
        extract(emulator, "a/t.csv", "t$20240102")
        return (emulator.storage_root / emulator.dataset / "a" / "t.csv").read_text()

    emulator.shows(probe, "day,x\n2024-01-02,2\n")
