"""`dit` as processes of its own, on the tiny pipeline, with a trace of every step that really ran."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dit_dagster_tests.scenarios.bench import PROGRAM, Bench

MODES = "bf,bfd,bftruncate"
JOBS = 2
PATIENCE = "4"
"""Seconds: a campaign waits for many dead runs."""
_TRACED = """
import os, sys
with open(os.environ["TRACE"], "a") as trace:
    trace.write(sys.argv[4] + "\\n")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A bench whose program says, in one file, which table each start of it was to write."""

    bench: Bench
    folder: Path

    @classmethod
    def new(cls, bench: Bench, folder: Path) -> Campaign:
        step = {**bench.declaration["steps"][0], "environment": {"TRACE": str(folder / "trace")}}
        bench.declare(steps=[step])
        return cls(bench=bench, folder=folder)

    @property
    def started(self) -> list[str]:
        """The table of every step that was started, in order."""
        trace = self.folder / "trace"
        return trace.read_text().splitlines() if trace.exists() else []

    def commit(self, script: str, tag: str, *, slow: bool = False) -> str:
        """With `slow` a step takes so long that all who start at once meet."""
        wait = "import time\ntime.sleep(10)\n" if slow else ""
        return self.bench.commit(script, tag, program=_TRACED + wait + PROGRAM)

    def start(self, tag: str, report: str) -> subprocess.Popen[str]:
        """Run a commit; its report goes into a file of that name."""
        return self.dit("run", "visits", "--commit", tag, "--modes", MODES, "--json", str(self.folder / report))

    def dit(self, *arguments: str) -> subprocess.Popen[str]:
        settings = self.bench.settings
        names = ("home", "pipelines", "dest_dataset", "registry_dataset", "experiment_id")
        variables = {f"DIT_{name.upper()}": str(getattr(settings, name)) for name in names}
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("dit")), *arguments],
            env={**os.environ, **variables, "DIT_PATIENCE": PATIENCE, "DIT_JOBS": str(JOBS)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def report(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / name).read_text())
        return document


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {one["right"]: one["verdict"] for one in report["comparisons"]}
