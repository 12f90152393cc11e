"""A run is killed at a random moment, and repeated: no wrong verdict, nothing committed lost, nothing left over.

What is killed is the command, the local BigQuery, or a step, in turn. `DIT_KILLS` sets how often, `DIT_CRASH_SEED`
where the moments come from.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster_tests.campaigns.runs import JOBS, PATIENCE, Campaign, verdicts
from dit_dagster_tests.scenarios.bench import APPENDING, GOOD, Bench, decisions

KILLS = int(os.environ.get("DIT_KILLS", "2"))
SEED = int(os.environ.get("DIT_CRASH_SEED", "1"))
VICTIMS = ("command", "warehouse", "step")
SCRIPTS = {GOOD: "IDENTICAL", APPENDING: "DIFFERENT"}
LONGEST = 8.0
"""Seconds from the start of a run, about as long as one takes."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the kills came to."""

    kills: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    reused: int = 0
    repeated: int = 0


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """On a local cloud of its own, which is killed as well."""
    directory = tmp_path / "local"
    cloud = local_gcp.up(directory)
    warehouse = BigQueryWarehouse.local(rest=cloud.rest, project=cloud.project)
    yield Campaign.new(Bench.new(tmp_path / "bench", cloud, warehouse), tmp_path)
    local_gcp.down(directory)


@pytest.mark.timeout(600 + 120 * KILLS)
def test_a_killed_run_is_repeated_and_nothing_is_wrong_or_lost(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever was killed and when: the next run goes on from what was committed."""
    chance, seen = random.Random(SEED), Seen()
    for number in range(KILLS):
        _kill_and_repeat(campaign, number, VICTIMS[number % len(VICTIMS)], chance, seen)
    time.sleep(float(PATIENCE))  # the last dead run's claims are respected for so long
    gone, left = _gc(campaign), _gc(campaign, "--dry-run")
    with capsys.disabled():
        print(f"\n{KILLS} kills {dict(seen.kills)}, {seen.under_way} of them while the run was under way;", end=" ")
        print(f"{seen.reused} phases reused, {seen.repeated} repeated; gc took {len(gone)} and left {len(left)}")
    # A mark stays for a while after its claim has ended: between two looks of a long campaign some more are due.
    assert [item for item in left if item["kind"] != "mark"] == []
    assert _tables_of_nobody(campaign) == []


def _kill_and_repeat(campaign: Campaign, number: int, victim: str, chance: random.Random, seen: Seen) -> None:
    script, verdict = chance.choice(list(SCRIPTS.items()))
    tag = f"killed-{number}"
    campaign.commit(f"{script}\n-- {number}", tag)
    start = len(campaign.started)
    first = campaign.start(tag, f"{tag}-first.json")
    time.sleep(chance.uniform(0.3, LONGEST))
    seen.kills[victim] += 1
    seen.under_way += first.poll() is None
    _kill(campaign, victim, first)
    first.communicate()
    while _processes("job.py", campaign.bench.settings.dest_dataset) or _processes("visits", str(campaign.folder), tag):
        time.sleep(0.05)  # a step outlives its run that was killed, and ends by itself
    between = len(campaign.started)

    again = campaign.start(tag, f"{tag}.json")
    said, _ = again.communicate()

    assert again.returncode == (0 if verdict == "IDENTICAL" else 1), said
    assert (campaign.folder / f"{tag}.json").exists(), said
    report = campaign.report(f"{tag}.json")
    assert verdicts(report) == {"bfd": verdict, "bftruncate": verdict}, said
    counts, phases = report["invocations"], decisions(report)
    committed = [event for event in campaign.bench.events("committed") if event.fingerprint in phases]
    kept = [event for event in committed if event.run_id != report["run_id"]]
    assert Counter(event.fingerprint for event in committed) == Counter(phases.keys()), "each is committed once"
    assert (counts["reused"], counts["executed"]) == (len(kept), counts["planned"] - len(kept)), said
    assert len(campaign.started) - between == counts["executed"], "nothing that was committed ran again"
    repeated = between - start - len(kept)
    assert 0 <= repeated <= JOBS, "only what was under way is repeated"
    seen.reused, seen.repeated = seen.reused + len(kept), seen.repeated + repeated


def _kill(campaign: Campaign, victim: str, command: subprocess.Popen[str]) -> None:
    match victim:
        case "command":
            command.kill()
        case "warehouse":
            _end(_processes("local_gcp.launcher", str(campaign.folder / "local")))
        case _:
            _end(_processes("job.py", campaign.bench.settings.dest_dataset))


def _end(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _processes(*words: str) -> list[int]:
    """Those whose command line holds all of these."""
    found = []
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (place / "cmdline").read_bytes().decode(errors="replace") if place.name.isdigit() else ""
            if line and all(word in line for word in words):
                found.append(int(place.name))
    return found


def _gc(campaign: Campaign, *options: str) -> list[dict[str, Any]]:
    file = campaign.folder / "gc.json"
    command = campaign.dit("gc", "--json", str(file), *options)
    said, _ = command.communicate()
    assert command.returncode == 0, said
    items: list[dict[str, Any]] = json.loads(file.read_text())["items"]
    return items


def _tables_of_nobody(campaign: Campaign) -> list[str]:
    """Tables in the runs' dataset that belong to no committed phase and are no pinned input."""
    prefixes = tuple(event.payload["prefix"] for event in campaign.bench.events("committed"))
    cloud = local_gcp.up(campaign.folder / "local")
    warehouse = BigQueryWarehouse.local(rest=cloud.rest, project=cloud.project)
    names = [name.table for name in warehouse.tables(campaign.bench.scratch, "")]
    return [name for name in names if not name.startswith(prefixes) and "_pin_" not in name]
