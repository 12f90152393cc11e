"""This project's comparison, through the adapter and Google's client: prints the same measures as a peer.

CPU and memory are those of this process and of the engine's processes together.

    python -m dit_dagster_tests.bench_compare.ours HOME LEFT RIGHT POLICY
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

import sqlglot  # noqa: F401  # loading a module is not measured, here as with the peers

from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.comparing import compare_tables, engine  # noqa: F401  # as above
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Outcome, judged, verdict_name

_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Compare once."""
    home, left, right, policy = sys.argv[1:]
    cloud = local_gcp.up(Path(home))
    warehouse = BigQueryWarehouse.local(rest=cloud.rest, project=cloud.project)
    names = [TableName.parse(name, project=cloud.project) for name in (left, right)]
    engines = _descendants(cloud.pid)
    for pid in engines:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    before, started = _cpu(engines), time.monotonic()
    verdict = compare_tables(warehouse, names[0], names[1], ComparisonPolicy.model_validate_json(policy))
    measured = {
        "answer": {Outcome.PASS: "equal", Outcome.FAIL: "different"}.get(judged(verdict), "neither"),
        "verdict": verdict_name(verdict),
        "method": verdict.evidence.method,
        "cpu": _cpu(engines) - before,
        "wall": time.monotonic() - started,
        "peak": sum(_peak(pid) for pid in (os.getpid(), *engines)),
    }
    print(json.dumps(measured))


def _descendants(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            with suppress(FileNotFoundError):  # a thread that has ended meanwhile
                found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return found


def _cpu(pids: list[int]) -> float:
    """Seconds of this process and of `pids`."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime + sum(_ticks(pid) for pid in pids) / _TICKS


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _peak(pid: int) -> float:
    """The most memory that a process has held since it was reset, in MB. Not `ru_maxrss`: it begins at its parent's."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    main()
