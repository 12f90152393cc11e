"""Between the run and the warehouse connections break, answers are lost, requests arrive twice, servers are busy.

What is safe to ask again is asked again. What is not known is an error, which the next run repairs; it is never a
verdict, and nothing is written twice. `DIT_FAULTY_RUNS` sets how many runs, `DIT_FAULT_SEED` where chance begins.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, replace

import pytest

from dit_dagster import api, wiring
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.evidence.report import report_json
from dit_dagster.ports import Statement
from dit_dagster.running.run import Report
from dit_dagster_tests.campaigns.proxy import FAULTS, PATIENCE_SECONDS, Faults, proxy
from dit_dagster_tests.scenarios.bench import APPENDING, GOOD, Bench, decisions

RUNS = int(os.environ.get("DIT_FAULTY_RUNS", "1"))
SEED = int(os.environ.get("DIT_FAULT_SEED", "1"))
MODES = ("bf", "bfd", "bftruncate")
SHARE = 0.08
VERDICTS = {GOOD: "IDENTICAL", APPENDING: "DIFFERENT"}


@pytest.mark.timeout(120 + 240 * RUNS)
def test_faults_delay_and_never_deceive(
    bench: Bench, local_cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every verdict that is given is the right one; at the latest a run without faults gives all of them."""
    faults = Faults(chance=random.Random(SEED), share=SHARE)
    ended: Counter[str] = Counter()
    for number in range(RUNS):
        script, verdict = list(VERDICTS.items())[number % 2]
        bench.commit(f"{script}\n-- {number}", f"faulty-{number}")
        with proxy(local_cloud.rest, faults) as rest:
            faulty = _run(bench, rest, local_cloud.project, f"faulty-{number}")
        ended[faulty.outcome.value] += 1
        given = {one.verdict for one in faulty.comparisons}
        assert given <= {verdict, "SKIPPED", "ERROR"}, report_json(faulty)

        again = _run(bench, local_cloud.rest, local_cloud.project, f"faulty-{number}")
        assert [one.verdict for one in again.comparisons] == [verdict] * 2, report_json(again)
        phases = decisions(report_json(again))
        committed = [event for event in bench.events("committed") if event.fingerprint in phases]
        assert {event.fingerprint for event in committed} == phases.keys()
        epochs = Counter((event.fingerprint, event.payload["epoch"]) for event in committed)
        assert set(epochs.values()) == {1}, "an epoch is committed once"
    with capsys.disabled():
        print(f"\n{RUNS} runs through faults {dict(faults.counts)}: {dict(ended)}")


def _run(bench: Bench, rest: str, project: str, commit: str) -> Report:
    """A run whose warehouse is at `rest`; its steps reach the warehouse undisturbed, since they do not ask again."""
    pipeline = wiring.find_pipeline("visits", bench.settings)
    undisturbed = wiring.surroundings(bench.settings)
    local = BigQueryWarehouse.local(rest=rest, project=project)
    warehouse = BigQueryWarehouse(local.client, engine="local", answer_seconds=PATIENCE_SECONDS)
    place = wiring.workplace(pipeline, bench.settings, replace(undisturbed, warehouse=warehouse))
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
    faults = _Once(chance=random.Random(0), share=0.0, what=what)
    with proxy(local_cloud.rest, faults) as rest:
        client = BigQueryWarehouse.local(rest=rest, project=local_cloud.project).client
        warehouse = BigQueryWarehouse(client, engine="local", answer_seconds=PATIENCE_SECONDS)
        rows = warehouse.query(Statement(sql="SELECT 1 AS n")).rows

    assert (rows[0]["n"], faults.counts["asked"] > 1) == (1, True)
