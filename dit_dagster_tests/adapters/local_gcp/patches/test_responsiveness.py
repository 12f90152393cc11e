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
        longest = 0.0
        while slow.is_alive():  # all the time: nobody knows when the query begins
            asked = time.monotonic()
            urllib.request.urlopen(f"{emulator.rest}/healthz", timeout=300).read()
            emulator.table()
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.05)
        return longest < (time.monotonic() - started) / 2

    emulator.shows(probe, True)
