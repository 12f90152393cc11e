from __future__ import annotations

import threading
from typing import Any

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

ONCE: dict[str, Any] = {"retry": None, "timeout": 60.0}
"""An emulator in that state may answer with an error, or not at all: nobody tries again, or waits for ever."""


@pytest.mark.parametrize("emulator", ["patched"], indirect=True)
def test_readers_get_their_own_rows(emulator: Emulator) -> None:
    """Reading a table while queries run never returns another query's rows."""
    assert _mixed_up(emulator, rounds=25) == []


def test_without_the_patch_they_do_not(spoilt_emulator: Emulator) -> None:
    """A race, seen within a few rounds; if it is not seen in so many, the patch can go."""
    assert _mixed_up(spoilt_emulator, rounds=1000) != []


def listed(emulator: Emulator) -> list[object]:
    return [row.values() for row in emulator.client.list_rows(emulator.reference(), max_results=50, **ONCE)]


def selected(emulator: Emulator, number: int) -> list[object]:
    sql = f"SELECT {number} AS x FROM UNNEST(GENERATE_ARRAY(1, 3))"
    return [row.values() for row in emulator.client.query(sql, job_retry=None, **ONCE).result(**ONCE)]


def _mixed_up(emulator: Emulator, *, rounds: int) -> list[object]:
    """The first wrong rows, and errors, that queries and those who read a table beside them were given."""
    emulator.run("CREATE TABLE d.t AS SELECT 'mine' AS s FROM UNNEST(GENERATE_ARRAY(1, 200))")
    wrong: list[object] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            rows = emulator.outcome(lambda: listed(emulator))
            if rows != [("mine",)] * 50:
                wrong.append(rows)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(rounds):
            rows = emulator.outcome(lambda number=number: selected(emulator, number))  # type: ignore[misc]
            if rows != [(number,)] * 3:
                wrong.append(rows)
            if wrong:
                break
    finally:
        # Whatever happens: readers that go on would spoil every test that comes after.
        ended.set()
        for reader in readers:
            reader.join()
    return wrong
