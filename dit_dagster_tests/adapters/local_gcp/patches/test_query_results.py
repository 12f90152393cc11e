from __future__ import annotations

from typing import Any

import grpc  # type: ignore[import-untyped]
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from dit_dagster.adapters.local_gcp.patches.query_results import Results
from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def test_results_are_read_through_the_storage_api(emulator: Emulator) -> None:
    """to_arrow of a query uses the storage API and gets every row."""
    transport = BigQueryReadGrpcTransport(channel=grpc.insecure_channel(emulator.grpc))
    storage = BigQueryReadClient(transport=transport)  # type: ignore[no-untyped-call]

    def probe() -> Any:
        job = emulator.client.query("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 30000)) AS x")
        return job.to_arrow(bqstorage_client=storage).num_rows

    emulator.shows(probe, 30000)


def test_old_results_make_room() -> None:
    """Beyond the limit the oldest leave; the newest stays, however large."""
    table = pa.table({"x": list(range(1000))})
    results = Results(limit=2 * table.nbytes)
    for name in ("a", "b", "c"):
        results[name] = table
    results["large"] = pa.concat_tables([table] * 5)

    assert list(results) == ["large"]
