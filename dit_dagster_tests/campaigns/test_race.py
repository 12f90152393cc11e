"""Many processes start one experiment at once: every phase is executed once, and all say the same.

`DIT_RACERS` sets how many.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from dit_dagster_tests.campaigns.runs import Campaign, verdicts
from dit_dagster_tests.scenarios.bench import APPENDING, Bench

RACERS = int(os.environ.get("DIT_RACERS", "2"))


def test_processes_that_race_share_every_phase(bench: Bench, tmp_path: Path) -> None:
    """Whoever claims a phase runs it, whoever comes late takes what was committed."""
    campaign = Campaign.new(bench, tmp_path)
    campaign.commit(APPENDING, "raced")

    running = [campaign.start("raced", f"{number}.json") for number in range(RACERS)]
    said = [process.communicate()[0] for process in running]

    assert [process.returncode for process in running] == [1] * RACERS, said
    reports = [campaign.report(f"{number}.json") for number in range(RACERS)]
    assert all(verdicts(report) == {"bfd": "DIFFERENT", "bftruncate": "DIFFERENT"} for report in reports)
    planned = reports[0]["invocations"]["planned"]
    assert len(campaign.started) == planned
    assert sum(report["invocations"]["executed"] for report in reports) == planned
    committed = Counter(event.fingerprint for event in bench.events("committed"))
    assert (len(committed), set(committed.values())) == (planned, {1})


def test_processes_that_wait_adopt_a_failure(bench: Bench, tmp_path: Path) -> None:
    """A phase that failed in one run is not repeated by those that waited for it: they say whose failure it was."""
    campaign = Campaign.new(bench, tmp_path)
    campaign.commit("SELECT ERROR('no such luck')", "broken", slow=True)

    running = [campaign.start("broken", f"{number}.json") for number in range(RACERS)]
    said = [process.communicate()[0] for process in running]

    assert [process.returncode for process in running] == [4] * RACERS, said
    assert len(campaign.started) == len(set(campaign.started)) == 2, "the two phases that begin a mode, once each"
    assert all("no such luck" in each for each in said)
    assert any("failed in run" in each for each in said), "who came second says whose failure it was"
