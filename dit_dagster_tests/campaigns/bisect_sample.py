"""Each bug of the sample's history, at a place among 64 commits that nobody knows: `dit bisect` finds it.

Minutes rather than seconds, so it is not among the tests that run every time: `make bisect`. `DIT_BISECT_SEED` sets
where the bugs are.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import dit_dagster
from dit_dagster import api
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.demo.history import HISTORY, files_of, overlay_of
from dit_dagster.demo.sources import load
from dit_dagster.evidence.bisection import bisection_json
from dit_dagster.settings import Settings
from dit_dagster_tests.repositories import Repository

SEED = int(os.environ.get("DIT_BISECT_SEED", "1"))
COMMITS = 64
BUGS = [revision.tag for revision in HISTORY if revision.tag.startswith("bug-")]
PAIRS = {"bug-tail-kept": ("bf", "bftruncate")}
"""The modes that a bug parts, where it is not the daily runs."""
WINDOW: Mapping[str, Any] = {"start": date(2013, 3, 1), "end": date(2013, 3, 15), "tail": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The sample as it ships, of another repository; settings of its own, on the session's local cloud."""

    settings: Settings

    def declare(self, name: str, repository: Path) -> None:
        document = yaml.safe_load(
            (Path(dit_dagster.__file__).parent / "defs" / "flight_gaps" / "defs.yaml").read_text()
        )
        document["attributes"] |= {"name": name, "repository": str(repository)}
        assert self.settings.pipelines is not None
        file = self.settings.pipelines / name / "defs.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(document))

    def bisect(self, name: str, pair: tuple[str, str]) -> Mapping[str, Any]:
        found = api.bisect(name, good="good", bad="bad", pair=pair, settings=self.settings, **WINDOW)
        return bisection_json(name, found)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud) -> Sample:
    home = tmp_path_factory.mktemp("bisect")
    (home / "local").symlink_to(local_cloud.directory)
    load(BigQueryWarehouse.local(rest=local_cloud.rest, project=local_cloud.project).client, "flights_2013")
    mark = secrets.token_hex(4)
    return Sample(
        settings=Settings(
            home=home,
            pipelines=home / "pipelines",
            dest_dataset=f"scratch_{mark}",
            registry_dataset=f"registry_{mark}",
        )
    )


@pytest.mark.parametrize("bug", BUGS)
def test_each_bug_is_found_among_64_commits(
    bug: str, sample: Sample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In at most 8 experiments, both ends among them; asked again, in none."""
    turn = random.Random(f"{SEED} {bug}").randrange(1, COMMITS)
    repository = Repository.new(tmp_path / bug)
    commits = [repository.commit(_text(files_of("v1")), "good")]
    for number in range(1, COMMITS):
        there = _text(overlay_of(bug)) if number >= turn else {}
        commits.append(repository.commit({**there, "NOTES": f"change {number}\n"}))
    repository.git("tag", "bad")
    name = bug.replace("-", "_")
    sample.declare(name, repository.path)
    pair = PAIRS.get(bug, ("bf", "bfd"))

    first, again = sample.bisect(name, pair), sample.bisect(name, pair)

    with capsys.disabled():
        print(f"\n{bug}: commit {turn} of {COMMITS}, {len(first['looks'])} looks,", end=" ")
        print(f"{first['experiments']} experiments, asked again {again['experiments']}")
    assert first["first_bad"] == again["first_bad"] == commits[turn]
    assert 1 <= first["experiments"] <= len(first["looks"]) <= 8
    assert again["experiments"] == 0


def _text(files: Mapping[str, bytes]) -> Mapping[str, str]:
    return {path: content.decode() for path, content in files.items()}
