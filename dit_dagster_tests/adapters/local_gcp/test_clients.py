"""Unmodified programs, in processes that know nothing but the cloud's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster_tests.local_cloud import local_cloud as local_cloud

KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


def run(cloud: LocalCloud, program: str, **more: str) -> str:
    own = {name: os.environ[name] for name in KEPT if name in os.environ} | more
    environment = own | dict(cloud.environment(own))
    done = subprocess.run([sys.executable, "-c", dedent(program)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_bigquery(local_cloud: LocalCloud) -> None:
    """`bigquery.Client()` reads and writes, through REST and the storage API, with real credentials' code."""
    program = """
        from google.cloud import bigquery
        client = bigquery.Client()
        client.create_dataset("plain")
        client.load_table_from_json([{"x": 1}, {"x": 2}], "plain.t").result()
        client.query("INSERT INTO plain.t (x) SELECT x + 10 FROM plain.t").result()
        print(client.project, client.query("SELECT SUM(x) FROM plain.t").to_dataframe().iloc[0, 0])
        wide = "SELECT x, CAST(x AS STRING) AS s FROM UNNEST(GENERATE_ARRAY(1, 50000)) AS x"
        print(len(client.query(wide).to_dataframe()), client.list_rows("plain.t").to_arrow().num_rows)
    """

    assert run(local_cloud, program).split("\n") == ["ditlocal 26", "50000 4"]


def test_storage(local_cloud: LocalCloud) -> None:
    """`storage.Client()` reads and writes; BigQuery sees the same objects."""
    program = """
        from google.cloud import bigquery, storage
        bucket = storage.Client().bucket("plain-bucket")
        bucket.blob("in/a.csv").upload_from_string("1\\n2\\n")
        client = bigquery.Client()
        client.create_dataset("stored")
        schema = [bigquery.SchemaField("x", "INTEGER")]
        config = bigquery.LoadJobConfig(schema=schema)
        client.load_table_from_uri("gs://plain-bucket/in/*.csv", "stored.t", job_config=config).result()
        client.extract_table("stored.t", "gs://plain-bucket/out/t-*.csv").result()
        print([blob.name for blob in bucket.list_blobs(prefix="out/")])
        print(bucket.blob("out/t-000000000000.csv").download_as_text().split())
    """

    assert run(local_cloud, program).split("\n") == ["['out/t-000000000000.csv']", "['x', '1', '2']"]


OLDER_BEAM = {
    "apache_beam/io/gcp/internal/clients/storage/storage_v1_client.py": "class StorageV1:\n    BASE_URL = 'https'\n",
    "apache_beam/io/gcp/gcsio.py": "GCS_BATCH_ENDPOINT = 'https'\n",
}


def test_an_older_beam_finds_the_storage(local_cloud: LocalCloud, tmp_path: Path) -> None:
    """Up to 2.52 its client, and its batches, have addresses of their own. Its modules stand for it here."""
    for name, text in OLDER_BEAM.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        for folder in file.relative_to(tmp_path).parents:
            (tmp_path / folder / "__init__.py").touch()
    program = """
        from apache_beam.io.gcp import gcsio
        from apache_beam.io.gcp.internal.clients.storage.storage_v1_client import StorageV1
        print(StorageV1.BASE_URL, gcsio.GCS_BATCH_ENDPOINT)
    """

    said = run(local_cloud, program, PYTHONPATH=str(tmp_path))

    assert said == f"{local_cloud.storage}/storage/v1/ {local_cloud.storage}/batch/storage/v1"


def test_another_sitecustomize_still_runs(local_cloud: LocalCloud, tmp_path: Path) -> None:
    """Ours runs the one that it hides."""
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['HIDDEN'] = 'ran'\n")

    assert run(local_cloud, "import os; print(os.environ['HIDDEN'])", PYTHONPATH=str(tmp_path)) == "ran"


def test_beam(local_cloud: LocalCloud) -> None:
    """A Beam pipeline reads by export and writes by load jobs, as it would in production."""
    program = """
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
        from google.cloud import bigquery
        client = bigquery.Client()
        client.create_dataset("beam")
        client.query("CREATE TABLE beam.source AS SELECT x, TIMESTAMP_SECONDS(x) AS ts, 'a' AS s"
                     " FROM UNNEST(GENERATE_ARRAY(1, 10)) AS x").result()
        options = PipelineOptions(temp_location="gs://beam-temp/t", project="ditlocal")
        with beam.Pipeline(options=options) as pipeline:
            rows = pipeline | beam.io.ReadFromBigQuery(query="SELECT x, ts, s FROM beam.source", use_standard_sql=True)
            rows | beam.Map(lambda row: {"x": row["x"] * 2, "s": row["s"]}) | beam.io.WriteToBigQuery(
                "ditlocal:beam.target", schema="x:INTEGER,s:STRING", write_disposition="WRITE_TRUNCATE")
        print(list(client.query("SELECT SUM(x), COUNT(*) FROM beam.target").result())[0].values())
        print(sorted(dataset.dataset_id for dataset in client.list_datasets() if "beam" in dataset.dataset_id))
    """

    assert run(local_cloud, program).split("\n") == ["(110, 10)", "['beam']"]
