"""`dit gc`, `dit cancel`, `dit pin` and `dit unpin`: what they print, write and exit with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dit_dagster import wiring
from dit_dagster.ports import Event
from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.scenarios.bench import Bench


def test_a_dry_run_says_what_a_clean_up_then_takes(dit: Dit, bench: Bench, tmp_path: Path) -> None:
    """The same items with sizes and reasons; only the second one takes them, and a third finds nothing."""
    bench.declare(keep="0h")
    dit("run", "visits", "--commit", "good", "--modes", "bf")
    before = bench.tables()
    documents = []
    for number, options in enumerate((["--dry-run"], [], [])):
        file = tmp_path / f"{number}.json"
        assert dit("gc", "--json", str(file), *options).code == 0
        documents.append(json.loads(file.read_text()))
        if number == 0:
            assert bench.tables() == before

    planned, done, nothing = documents
    assert {one["kind"] for one in planned["items"]} == {"state", "input"}
    assert all(one["reason"] and one["bytes"] is not None for one in planned["items"])
    assert (done["items"], done["dry_run"], nothing["items"]) == (planned["items"], False, [])
    assert bench.tables() == []


@pytest.mark.parametrize("command", ["cancel", "cache-cancel"])
def test_trap_43_nothing_to_cancel_is_told_apart(dit: Dit, bench: Bench, command: str) -> None:
    """Trap 43: a run that is over exits with 3, one that nobody knows with 2."""
    over = Event(kind="run_finished", run_id="run-000001", pipeline="visits", payload={"outcome": "pass"})
    wiring.registry(bench.settings).append([over])

    finished, unknown = dit(command, "run-000001"), dit(command, "run-000002")

    assert (finished.code, unknown.code) == (3, 2)
    assert finished.out.startswith("nothing to cancel: run run-000001 is over (pass)")
    assert unknown.out.startswith("nothing to cancel: no run 'run-000002'")


def test_trap_43_an_answer_that_did_not_come_is_no_unknown_run(
    dit: Dit, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 43: a registry that answers with an error exits with 4, not with 2."""
    registry = bench.settings.registry(bench.warehouse.project).dataset
    bench.query(f"CREATE TABLE `{bench.scratch}.dit_events` AS SELECT 1 AS n")
    monkeypatch.setenv("DIT_REGISTRY_DATASET", bench.scratch.dataset)

    said = dit("cancel", "run-000001")

    bench.query(f"DROP TABLE `{bench.scratch}.dit_events`")
    assert (said.code, registry != bench.scratch.dataset) == (4, True)
    assert said.err.startswith("dit: could not tell whether run run-000001 is cancelled: ")


def test_a_state_is_pinned_by_its_fingerprint(dit: Dit, bench: Bench) -> None:
    """It stays when it expires, until it is unpinned; what is no state is refused."""
    bench.declare(keep="0h")
    dit("run", "visits", "--commit", "good", "--modes", "bf", "--force")
    fingerprint = str(bench.events("committed")[-1].fingerprint)

    pinned = dit("pin", fingerprint[:10])
    dit("gc")
    kept = bench.tables()
    unpinned = dit("unpin", fingerprint)
    dit("gc")

    assert (pinned.code, unpinned.code, bool(kept), bench.tables()) == (0, 0, True, [])
    assert (dit("pin", "nonsense!").code, dit("pin", "0" * 64).code) == (2, 2)
