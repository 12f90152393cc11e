from __future__ import annotations

import threading
import time
import urllib.request

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

NUMBERS = "UNNEST(GENERATE_ARRAY(1, 12000))"
SLOW = f"SELECT COUNT(*) FROM {NUMBERS} AS a, {NUMBERS} AS b WHERE MOD(a * b, 7) = 3"


def test_health_and_metadata_do_not_wait_for_a_query(emulator: Emulator) -> None:
    """While a query runs, a health check and a table's resource come back long before it ends."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")

    def probe() -> bool:
        slow = threading.Thread(target=lambda: emulator.run(SLOW))
        started = time.monotonic()
        slow.start()
        time.sleep(0.5)
        asked = time.monotonic()
        urllib.request.urlopen(f"{emulator.rest}/healthz", timeout=120).read()
        emulator.table()
        waited = time.monotonic() - asked
        slow.join()
        return waited < (time.monotonic() - started) / 3

    emulator.shows(probe, True)
