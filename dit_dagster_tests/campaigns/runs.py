"""`dit` as processes of its own, on the tiny pipeline, with a trace of every step that really ran."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dit_dagster_tests.scenarios.bench import PROGRAM, Bench

MODES = "bf,bfd,bftruncate"
JOBS = 2
PATIENCE = "4"
"""Seconds: a campaign waits for many dead runs."""
_TRACED = """
import os, sys, time
with open(os.environ["TRACE"], "a") as trace:
    trace.write(sys.argv[4] + "\\n")
"""
_GATED = """
while not os.path.exists(os.environ["GATE"]):
    time.sleep(0.05)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A bench whose program says, in one file, which table each start of it was to write."""

    bench: Bench
    folder: Path
    patience: str = PATIENCE

    @classmethod
    def new(cls, bench: Bench, folder: Path, *, patience: str = PATIENCE) -> Campaign:
        made = cls(bench=bench, folder=folder, patience=patience)
        environment = {"TRACE": str(folder / "trace"), "GATE": str(made.gate)}
        bench.declare(steps=[{**bench.declaration["steps"][0], "environment": environment}])
        return made

    @property
    def gate(self) -> Path:
        """Steps of a commit that is `gated` wait until this file is there."""
        return self.folder / "gate"

    @property
    def started(self) -> list[str]:
        """The table of every step that was started, in order."""
        trace = self.folder / "trace"
        return trace.read_text().splitlines() if trace.exists() else []

    def commit(self, script: str, tag: str, *, gated: bool = False) -> str:
        return self.bench.commit(script, tag, program=_TRACED + _GATED * gated + PROGRAM)

    def start(self, tag: str, report: str, *, said: IO[str] | None = None) -> subprocess.Popen[str]:
        """Run a commit; its report goes into a file of that name, and what it says into `said`, or a pipe."""
        file = str(self.folder / report)
        return self.dit("run", "visits", "--commit", tag, "--modes", MODES, "--json", file, said=said)

    def dit(self, *arguments: str, said: IO[str] | None = None) -> subprocess.Popen[str]:
        settings = self.bench.settings
        names = ("home", "pipelines", "dest_dataset", "registry_dataset", "experiment_id")
        variables = {f"DIT_{name.upper()}": str(getattr(settings, name)) for name in names}
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("dit")), *arguments],
            env={**os.environ, **variables, "DIT_PATIENCE": self.patience, "DIT_JOBS": str(JOBS)},
            stdout=said or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def report(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / name).read_text())
        return document


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {one["right"]: one["verdict"] for one in report["comparisons"]}
