"""The sample pipeline's job as CI runs it, in a Dagster home of its own: for tests of exit codes and of the pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import pytest
import yaml

import dit_dagster
from dit_dagster.adapters import local_gcp
from dit_dagster.demo.history import prepare
from dit_dagster_tests.local_cloud import alone, count, shared_folder

PROJECT = Path(dit_dagster.__file__).parents[1]
PIPELINE = "short_gaps"
UNKNOWN = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A `dagster job execute` that has ended."""

    commit: str
    code: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRuns:
    """What is in the Dagster home that `environment` leads to."""

    environment: Mapping[str, str]
    unknown: Job
    good: Job
    bad: Job


@pytest.fixture(scope="session")
def recorded_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedRuns]:
    """An unknown commit, a good one and one with a bug, over one week. Gone at the end, local cloud included.

    Under pytest-xdist all workers share them: the first records, the last stops the local cloud.
    """
    home = shared_folder(tmp_path_factory, "dagster-recorded")
    kept = home / "recorded.json"
    with (home / "users").open("a+") as users:
        with alone(users):
            count(users, +1)
            try:
                recorded = _read(kept) if kept.exists() else _record(home)
            except BaseException:
                _leave(users, home)
                raise
            kept.write_text(json.dumps(asdict(recorded)), encoding="utf-8")
        yield recorded
        with alone(users):
            _leave(users, home)


def _leave(users: IO[str], home: Path) -> None:
    """The last one stops the local cloud; who comes later has to record anew."""
    if count(users, -1) == 0:
        local_gcp.down(home / "dit" / "local")
        shutil.rmtree(home / "dit", ignore_errors=True)
        for folder in ("home", "pipelines"):
            shutil.rmtree(home / folder, ignore_errors=True)
        (home / "recorded.json").unlink(missing_ok=True)


def _record(home: Path) -> RecordedRuns:
    environment = _environment(home)
    _declare(home / "pipelines" / PIPELINE / "defs.yaml")
    commits = prepare(home / "dit" / "demo").commits
    dagster(environment, "instance", "migrate")
    with ThreadPoolExecutor() as pool:
        unknown, good = pool.map(lambda commit: _job(environment, commit), (UNKNOWN, commits["v1"]))
    bad = _job(environment, commits["bug-append-only"])  # the last, so that the pages show it
    return RecordedRuns(environment=environment, unknown=unknown, good=good, bad=bad)


def _read(kept: Path) -> RecordedRuns:
    """What another worker recorded."""
    found = json.loads(kept.read_text(encoding="utf-8"))
    jobs = {name: Job(**found[name]) for name in ("unknown", "good", "bad")}
    return RecordedRuns(environment=found["environment"], **jobs)


def dagster(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the `dagster` command in the project's folder."""
    command = [sys.executable, "-m", "dagster", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _environment(home: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DIT_", "DAGSTER_"))}
    (home / "home").mkdir()
    (home / "home" / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    return {
        **kept,
        "DAGSTER_HOME": str(home / "home"),
        "DIT_HOME": str(home / "dit"),
        "DIT_PIPELINES": str(home / "pipelines"),
        "DIT_EXPERIMENT_ID": "recorded",
    }


def _declare(file: Path) -> None:
    """The sample's declaration under another name, over one week, in two modes: four phases for two commits."""
    declaration = yaml.safe_load((PROJECT / "dit_dagster" / "defs" / "flight_gaps" / "defs.yaml").read_text())
    declaration["attributes"] |= {
        "name": PIPELINE,
        "window": {"start": "2013-01-01", "end": "2013-01-08"},
        "tail": 1,
        "lookback": 2,
        "outage": None,
        "default_modes": ["bf", "bftruncate"],
    }
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(declaration, sort_keys=False))


def _job(environment: Mapping[str, str], commit: str) -> Job:
    tags = f'{{"dagster/partition": "{commit}"}}'
    job = f"{PIPELINE}__mode_equivalence"
    done = dagster(environment, "job", "execute", "-m", "dit_dagster.definitions", "-j", job, "--tags", tags)
    return Job(commit=commit, code=done.returncode, said=done.stdout)
