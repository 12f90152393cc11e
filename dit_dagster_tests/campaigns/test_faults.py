"""Between the run and the warehouse connections break, answers are lost, requests arrive twice, servers are busy.

What is safe to ask again is asked again. What is not known is an error, which the next run repairs; it is never a
verdict, and nothing is written twice. `DIT_FAULTY_RUNS` sets how many runs, `DIT_FAULT_SEED` where chance begins.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from dit_dagster import api, wiring
from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.errors import Unreachable
from dit_dagster.evidence.report import report_json
from dit_dagster.ports import Statement
from dit_dagster.running.run import Report
from dit_dagster_tests.campaigns.proxy import FAULTS, Faults, proxy
from dit_dagster_tests.scenarios.bench import APPENDING, GOOD, Bench, decisions

RUNS = int(os.environ.get("DIT_FAULTY_RUNS", "1"))
SEED = int(os.environ.get("DIT_FAULT_SEED", "1"))
MODES = ("bf", "bfd", "bftruncate")
SHARE = 0.08
PATIENCE, ALONE = 4.0, 8.0
"""Seconds that the client waits for an answer, among many faults and where there is one."""
VERDICTS = {GOOD: "IDENTICAL", APPENDING: "DIFFERENT"}


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud of these tests alone: what another worker asks for would be one more reason for late answers."""
    directory = tmp_path_factory.mktemp("cloud")
    yield local_gcp.up(directory)
    local_gcp.down(directory)


@pytest.fixture(scope="module")
def warehouse(local_cloud: LocalCloud) -> BigQueryWarehouse:
    return BigQueryWarehouse.local(rest=local_cloud.rest, project=local_cloud.project)


@pytest.mark.timeout(600 + 240 * RUNS)
def test_faults_delay_and_never_deceive(
    bench: Bench, local_cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every verdict that is given is the right one; at the latest a run without faults gives all of them."""
    faults = Faults(chance=random.Random(SEED), share=SHARE, patience=PATIENCE)
    ended: Counter[str] = Counter()
    for number in range(RUNS):
        script, verdict = list(VERDICTS.items())[number % 2]
        bench.commit(f"{script}\n-- {number}", f"faulty-{number}")
        with proxy(local_cloud.rest, faults) as rest:
            faulty = _run_through_faults(bench, rest, local_cloud.project, f"faulty-{number}")
        ended[faulty.outcome.value if faulty is not None else "no answer"] += 1
        given = {one.verdict for one in faulty.comparisons} if faulty is not None else set()
        assert given <= {verdict, "SKIPPED", "ERROR"}, faulty

        again = _run(bench, wiring.surroundings(bench.settings), f"faulty-{number}")
        assert [one.verdict for one in again.comparisons] == [verdict] * 2, report_json(again)
        phases = decisions(report_json(again))
        committed = [event for event in bench.events("committed") if event.fingerprint in phases]
        assert {event.fingerprint for event in committed} == phases.keys()
        epochs = Counter((event.fingerprint, event.payload["epoch"]) for event in committed)
        assert set(epochs.values()) == {1}, "an epoch is committed once"
    with capsys.disabled():
        print(f"\n{RUNS} runs through faults {dict(faults.counts)}: {dict(ended)}")


def _run_through_faults(bench: Bench, rest: str, project: str, commit: str) -> Report | None:
    """A run whose warehouse is at `rest`; its steps reach the warehouse undisturbed, since they do not ask again.

    None if one fault met another where there is no phase that could fail: while it was planned, or closed.
    """
    local = BigQueryWarehouse.local(rest=rest, project=project)
    warehouse = BigQueryWarehouse(local.client, engine="local", answer_seconds=PATIENCE)
    try:
        return _run(bench, replace(wiring.surroundings(bench.settings), warehouse=warehouse), commit)
    except Unreachable:
        return None


def _run(bench: Bench, around: wiring.Surroundings, commit: str) -> Report:
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = wiring.workplace(pipeline, bench.settings, around)
    asked = api.Asked(pipeline="visits", commit=commit, modes=MODES)
    return api.run_prepared(api.make_request(asked, pipeline, place, bench.settings), place)


@dataclass(slots=True, kw_only=True)
class _Once(Faults):
    """The first request that goes on to the warehouse meets one fault, the others none."""

    what: str

    def next(self) -> str | None:
        with self.lock:
            self.counts["asked"] += 1
            return self.what if self.counts["asked"] == 1 else None


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_alone_is_outlived(local_cloud: LocalCloud, what: str) -> None:
    """The statement is asked for again, with its answer, and no error."""
    faults = _Once(chance=random.Random(0), share=0.0, patience=ALONE, what=what)
    with proxy(local_cloud.rest, faults) as rest:
        client = BigQueryWarehouse.local(rest=rest, project=local_cloud.project).client
        warehouse = BigQueryWarehouse(client, engine="local", answer_seconds=ALONE)
        rows = warehouse.query(Statement(sql="SELECT 1 AS n")).rows

    assert (rows[0]["n"], faults.counts["asked"] > 1) == (1, True)
