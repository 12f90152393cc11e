"""Many processes start one experiment at once: every phase is executed once, and all say the same.

`DIT_RACERS` sets how many.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from dit_dagster_tests.campaigns.runs import Campaign, verdicts
from dit_dagster_tests.scenarios.bench import APPENDING, Bench

RACERS = int(os.environ.get("DIT_RACERS", "2"))
PATIENCE = "60"
"""Seconds, as by default: none of them dies, and on a busy machine none may be taken for dead."""
SECONDS = 400.0
BEGINNINGS = 2
"""How many distinct phases begin a mode."""


def test_processes_that_race_share_every_phase(bench: Bench, tmp_path: Path) -> None:
    """Whoever claims a phase runs it, whoever comes late takes what was committed."""
    campaign = Campaign.new(bench, tmp_path, patience=PATIENCE)
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
    campaign = Campaign.new(bench, tmp_path, patience=PATIENCE)
    campaign.commit("SELECT ERROR('no such luck')", "broken", gated=True)
    files = [tmp_path / f"{number}.txt" for number in range(RACERS)]

    with ExitStack() as stack:
        outputs = [stack.enter_context(file.open("w")) for file in files]
        running = [campaign.start("broken", f"{number}.json", said=output) for number, output in enumerate(outputs)]
        try:
            wait_until_all_have_met(files)
        finally:
            campaign.gate.touch()
            for process in running:
                process.wait()
    said = [file.read_text() for file in files]

    assert [process.returncode for process in running] == [4] * RACERS, said
    assert len(campaign.started) == len(set(campaign.started)) == BEGINNINGS, "those that begin a mode, once each"
    assert all("no such luck" in each for each in said)
    assert any("failed in run" in each for each in said), "who came second says whose failure it was"


def wait_until_all_have_met(files: Sequence[Path]) -> None:
    """Each phase that begins a mode is computed by one of them, and the others wait for it, knowing who that is."""
    deadline, said = time.monotonic() + SECONDS, ""
    while said.count("is computing it; waiting") < BEGINNINGS * (RACERS - 1):
        assert time.monotonic() < deadline, said
        time.sleep(0.2)
        said = "".join(file.read_text() for file in files)
    if "run unknown is computing it" in said:
        time.sleep(10.0)  # whose claim was not written yet: it is asked for again every second
