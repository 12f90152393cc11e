"""Later commits against a golden state, through the public functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from dit_dagster import api, wiring
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.errors import BadSource, UnknownName, UsageError, WarehouseError
from dit_dagster.evidence.html import run_page
from dit_dagster.model.golden import Golden
from dit_dagster.model.identity import TableName
from dit_dagster.ports import Event
from dit_dagster.running import goldens
from dit_dagster.running.collection import pinned_prefixes
from dit_dagster.running.goldens import golden_of, unset_golden
from dit_dagster.running.names import was_kept_here
from dit_dagster.running.pinning import find_state, pin, unpin
from dit_dagster.running.run import prospect
from dit_dagster_tests.scenarios.bench import A_DAY_LOST, APPENDING, GOOD, Bench, Ran

SHORT: dict[str, Any] = {"tail": 1, "lookback": 1}


def set_golden(bench: Bench, commit: str = "good", **options: Any) -> None:
    api.set_golden("visits", settings=bench.settings, commit=commit, **options)


def against_golden(ran: Ran) -> dict[str, Any]:
    [found] = [one for one in ran.json["comparisons"] if one["left"] == "golden"]
    return dict(found)


def test_a_later_commit_is_compared_without_running_the_golden_one(bench: Bench) -> None:
    """Equal and different, and the modes' own verdicts beside it."""
    bench.run("bf")
    set_golden(bench)
    bench.commit(f"{GOOD}-- the same, otherwise\n", "refactored")
    bench.commit(A_DAY_LOST, "lossy")

    same = bench.run("bf", "bfd", commit="refactored", golden=True, **SHORT)
    other = bench.run("bf", commit="lossy", golden=True)
    page = run_page(other.json)

    assert (same.exit_code, against_golden(same)["verdict"], same.verdicts["bfd"]) == (0, "IDENTICAL", "IDENTICAL")
    assert (other.exit_code, against_golden(other)["verdict"], other.executed) == (1, "DIFFERENT", 1)
    assert "bf against golden" in page


def test_the_golden_state_is_of_any_mode(bench: Bench) -> None:
    """Of the dailies here; what is compared with it is the run's reference."""
    bench.run("bfd", **SHORT)
    set_golden(bench, mode="bfd", **SHORT)
    bench.commit(APPENDING, "appending")

    ran = bench.run("bf", "bftruncate", commit="appending", golden=True, **SHORT)

    assert (ran.verdicts["bftruncate"], against_golden(ran)["verdict"]) == ("DIFFERENT", "IDENTICAL")


def lost_without_a_trace(bench: Bench) -> None:
    """A day is lost from the golden state, and what is recorded of it agrees with what the warehouse says after."""
    [event] = bench.events("golden_set")
    golden = Golden.from_json(event.payload)
    [table] = [one for one in golden.record.tables if one.kind == "TABLE"]
    bench.query(f"DELETE FROM `{table.name}` WHERE day = '2024-01-08'")
    now = replace(table, etag=bench.warehouse.facts([table.name])[table.name].etag)
    tables = tuple(now if one == table else one for one in golden.record.tables)
    damaged = replace(golden, record=replace(golden.record, tables=tables))
    wiring.registry(bench.settings).append([replace(event, event_id=None, payload=damaged.to_json())])


@pytest.mark.parametrize(
    ("verify", "verdict"),
    [
        pytest.param("metadata", "DIFFERENT", id="the warehouse is believed, and the good run takes the blame"),
        pytest.param("digest", "ERROR", id="it is read again"),
    ],
)
def test_what_a_golden_state_holds_is_read_again_if_that_is_declared(bench: Bench, verify: str, verdict: str) -> None:
    """As the state that a run would reuse is: a commit with the same damage would pass otherwise."""
    bench.declare(verify=verify)
    bench.run("bf")
    set_golden(bench)
    bench.commit(f"{GOOD}-- the same, otherwise\n", "refactored")
    before = bench.run("bf", commit="refactored", golden=True)
    lost_without_a_trace(bench)

    after = bench.run("bf", commit="refactored", golden=True)

    assert [against_golden(ran)["verdict"] for ran in (before, after)] == ["IDENTICAL", verdict]


def test_a_run_on_other_sources_is_incomparable(bench: Bench) -> None:
    """Though its tables are the same: the reason names the source."""
    bench.run("bf")
    set_golden(bench)
    bench.load()

    ran = bench.run("bf", golden=True)

    assert (ran.exit_code, against_golden(ran)["verdict"]) == (3, "INCOMPARABLE")
    assert "visits changed since" in against_golden(ran)["reason"]


def test_a_run_on_the_golden_sources_is_compared(bench: Bench) -> None:
    """After the sources have changed: on the copies that were kept, with phases that the golden run left."""
    bench.run("bf")
    set_golden(bench)
    bench.load()
    bench.commit(f"{GOOD}-- the same, otherwise\n", "refactored")
    bench.commit(A_DAY_LOST, "lossy")

    again = bench.run("bf", golden_sources=True)
    same = bench.run("bf", commit="refactored", golden_sources=True)
    other = bench.run("bf", commit="lossy", golden_sources=True)

    assert [against_golden(ran)["verdict"] for ran in (again, same, other)] == ["IDENTICAL", "IDENTICAL", "DIFFERENT"]
    assert [ran.executed for ran in (again, same, other)] == [0, 1, 1]


def test_copies_of_golden_sources_are_guarded(bench: Bench) -> None:
    """Written into, no run reads them; with another golden state they are gone."""
    registry = wiring.registry(bench.settings)
    bench.run("bf")
    set_golden(bench)
    first = golden_of(registry, "visits")
    assert first is not None
    [kept] = first.kept.values()
    bench.query(f"DELETE FROM {kept.table.sql} WHERE TRUE")
    with pytest.raises(BadSource, match="was changed; set another"):
        bench.run("bf", golden_sources=True)
    set_golden(bench)
    second = golden_of(registry, "visits")
    assert second is not None
    bench.run("bf", golden_sources=True)
    unset_golden(registry, bench.warehouse, "visits")

    assert bench.warehouse.facts([kept.table, *(one.table for one in second.kept.values())]) == {}
    with pytest.raises(UnknownName, match="no golden state"):
        bench.run("bf", golden_sources=True)


def test_a_golden_state_that_cannot_be_set_leaves_no_copies(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even of the table that was copied last, and could not be looked up."""
    bench.run("bf")
    facts = BigQueryWarehouse.facts

    def away(warehouse: BigQueryWarehouse, names: Sequence[TableName]) -> Any:
        if any(was_kept_here(name.table) for name in names):
            raise WarehouseError("the warehouse is away")
        return facts(warehouse, names)

    monkeypatch.setattr(BigQueryWarehouse, "facts", away)
    with pytest.raises(WarehouseError, match="the warehouse is away"):
        set_golden(bench)

    assert [name for name in bench.tables() if was_kept_here(name)] == []


def test_a_state_that_the_clean_up_takes_is_not_set_and_leaves_no_copies(bench: Bench) -> None:
    """It was there when the golden state was looked for."""
    bench.run("bf")
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = wiring.workplace(pipeline, bench.settings)
    asked = api.Asked(pipeline="visits", commit="good", modes=["bf"], golden=False)
    ahead = prospect(api.make_request(asked, pipeline, place, bench.settings), place)
    [state] = bench.events("committed")
    place.registry.append([replace(state, kind="collected", run_id="gc-1", event_id="gc-1-collected")])

    with pytest.raises(UnknownName, match="expired and is gone"):
        goldens.set_golden(ahead, place)

    assert [name for name in bench.tables() if was_kept_here(name)] == []
    assert [event.kind for event in place.registry.since(["pinned", "unpinned"], None, 10)] == ["pinned", "unpinned"]


def test_golden_sources_contradict_others(bench: Bench) -> None:
    """Before anything is done."""
    for options in ({"golden": False}, {"tables": {"visits": "d.t"}}):
        with pytest.raises(UsageError, match="--golden-sources"):
            bench.run("bf", golden_sources=True, **options)


def test_a_golden_state_that_was_changed_is_an_error(bench: Bench) -> None:
    """No verdict may speak of it."""
    bench.run("bf")
    set_golden(bench)
    [record] = bench.events("committed")
    bench.query(f"UPDATE `{bench.scratch}.{record.payload['prefix']}__daily` SET visits = 7 WHERE vessel = 'v1'")
    bench.commit(f"{GOOD}-- the same, otherwise\n", "refactored")

    ran = bench.run("bf", commit="refactored", golden=True)

    assert (ran.exit_code, against_golden(ran)["verdict"]) == (4, "ERROR")


def test_the_golden_commit_itself_says_so(bench: Bench) -> None:
    """It equals itself, with a warning: nothing was exercised."""
    bench.run("bf")
    set_golden(bench)

    found = against_golden(bench.run("bf", golden=True))

    assert found["verdict"] == "IDENTICAL"
    assert found["warnings"] == ["this is the golden state itself: the same code on the same input"]


def test_it_is_pinned_until_another_takes_its_place(bench: Bench) -> None:
    """And what never ran cannot be golden."""
    registry = wiring.registry(bench.settings)
    bench.commit(f"{GOOD}-- the same, otherwise\n", "refactored")
    bench.run("bf")
    bench.run("bf", commit="refactored")
    set_golden(bench)
    first = golden_of(registry, "visits")
    set_golden(bench, "refactored")
    second = golden_of(registry, "visits")
    bench.commit(f"{GOOD}-- never run\n", "fresh")
    with pytest.raises(UnknownName, match="run it first"):
        set_golden(bench, "fresh")
    unset_golden(registry, bench.warehouse, "visits")

    assert first is not None
    assert second is not None
    pins = [(event.kind, event.payload["prefix"]) for event in registry.since(["pinned", "unpinned"], None, 99)]
    assert pins == [
        ("pinned", first.record.prefix),
        ("pinned", second.record.prefix),
        ("unpinned", first.record.prefix),
        ("unpinned", second.record.prefix),
    ]
    assert golden_of(registry, "visits") is None


def test_what_a_user_keeps_is_kept_when_it_is_golden_no_more(bench: Bench) -> None:
    """And the other way round: each takes back its own pin alone."""
    registry = wiring.registry(bench.settings)
    bench.run("bf")
    [state] = bench.events("committed")
    record = find_state(registry, str(state.fingerprint))

    pin(registry, record, by="user")
    set_golden(bench)
    unset_golden(registry, bench.warehouse, "visits")
    after_golden = pinned_prefixes(pins_of(bench))
    set_golden(bench)
    unpin(registry, record, by="user")
    after_user = pinned_prefixes(pins_of(bench))
    unset_golden(registry, bench.warehouse, "visits")

    assert after_golden == after_user == {record.prefix}
    assert pinned_prefixes(pins_of(bench)) == frozenset()


def pins_of(bench: Bench) -> Sequence[Event]:
    return wiring.registry(bench.settings).since(["pinned", "unpinned"], None, 99)


def test_a_declared_comparison_is_inconclusive_until_it_is_set(bench: Bench) -> None:
    """`golden: on`: what should have been compared and was not is no pass."""
    bench.declare(golden="on")

    before = bench.run("bf", "repeat")
    without = bench.run("bf", "repeat", golden=False)
    set_golden(bench)
    after = bench.run("bf", "repeat")

    assert (before.exit_code, without.exit_code, after.exit_code) == (3, 0, 0)
    assert against_golden(before)["verdict"] == "NOT_COMPARED"
