from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import PROJECT, Emulator


def post(emulator: Emulator, path: str, body: dict[str, Any]) -> tuple[int, str]:
    address = urlsplit(emulator.rest)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_what_was_not_foreseen_is_not_retried(emulator: Emulator) -> None:
    """A request that the emulator trips over is answered with 501 and the reason."""
    status, text = post(
        emulator, f"/bigquery/v2/projects/{PROJECT}/jobs", {"configuration": {"query": "not an object"}}
    )

    emulator.shows(lambda: (status, "local cloud failed" in text), (501, True))


def test_a_failed_extract_is_a_finished_job(emulator: Emulator) -> None:
    """The client gets the job's error at once."""
    config = bigquery.ExtractJobConfig()  # type: ignore[no-untyped-call]
    outcome = emulator.outcome(
        lambda: emulator.client.extract_table(
            emulator.reference("nothing"), "gs://b/x.csv", job_config=config, retry=None
        ).result(retry=None)
    )

    emulator.shows(lambda: outcome.partition(":")[0], "NotFound")
