from __future__ import annotations

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def test_the_clients_content_type_is_accepted(emulator: Emulator) -> None:
    """load_table_from_json sends `*/*`."""
    emulator.run("CREATE TABLE d.t (x INT64)")

    def probe() -> object:
        emulator.client.load_table_from_json([{"x": 3}], emulator.reference()).result()
        return emulator.run("SELECT x FROM d.t")

    emulator.shows(probe, [(3,)])
