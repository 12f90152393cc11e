"""A tiny pipeline and everything around it, for scenarios that run through the public functions.

The pipeline counts each vessel's visits per day: one SQL script per phase, sent to the warehouse by a program of a few
lines that needs nothing but Python. Its repository holds the program and the SQL; a test commits another SQL to get
another behaviour. Git, uv, processes, the registry and the local cloud are the real ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from dit_dagster import api, wiring
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.evidence.report import prospect_json, report_json
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.pipeline import COMPONENT
from dit_dagster.model.verdict import EXIT_CODES, Outcome
from dit_dagster.ports import Event, Statement
from dit_dagster.settings import Settings
from dit_dagster_tests.repositories import Repository

ALL_MODES = ("bf", "bfd", "bftruncate", "mutate_recover", "outage_recovery", "repeat")

PROGRAM = """
import json, os, sys, urllib.error, urllib.request

start, end, visits, daily = sys.argv[1:5]
sql = open("job.sql").read().format(start=start, end=end, visits=visits, daily=daily)
place = f"{os.environ['BIGQUERY_EMULATOR_HOST']}/bigquery/v2/projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/queries"
asked = json.dumps({"query": sql, "useLegacySql": False}).encode()
request = urllib.request.Request(place, data=asked, headers={"Content-Type": "application/json"})
try:
    urllib.request.urlopen(request).read()
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
"""

DELETE = "DELETE FROM `{daily}` WHERE day >= '{start}' AND day < '{end}';"
COUNT = "COUNT(*)"
WHERE = "DATE(seen) >= '{start}' AND DATE(seen) < '{end}'"


def sql(*, delete: str = DELETE, count: str = COUNT, where: str = WHERE, more: str = "") -> str:
    """The pipeline's script, right unless it is told otherwise."""
    return f"""
CREATE TABLE IF NOT EXISTS `{{daily}}` (day DATE, vessel STRING, visits INT64);
{delete}
INSERT INTO `{{daily}}` (day, vessel, visits)
SELECT DATE(seen), vessel, {count} FROM `{{visits}}` WHERE {where} GROUP BY 1, 2;
CREATE OR REPLACE VIEW `{{daily}}_busy` AS SELECT * FROM `{{daily}}` WHERE visits > 1;
{more}
"""


GOOD = sql()
APPENDING = sql(delete="")
RANDOM = sql(count="COUNT(*) + CAST(FLOOR(1000000 * RAND()) AS INT64)")
A_DAY_LOST = sql(where=f"{WHERE} AND DATE(seen) <> '2024-01-06'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One registry, one source table, one repository."""

    settings: Settings
    warehouse: BigQueryWarehouse
    repository: Repository
    source: DatasetName
    declaration: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def new(cls, folder: Path, cloud: LocalCloud, warehouse: BigQueryWarehouse) -> Bench:
        home = folder / "home"
        home.mkdir(parents=True)
        (home / "local").symlink_to(cloud.directory)
        mark = secrets.token_hex(4)
        settings = Settings(
            home=home,
            pipelines=folder / "pipelines",
            dest_dataset=f"scratch_{mark}",
            registry_dataset=f"registry_{mark}",
            experiment_id="bench",
            jobs=2,
        )
        source = DatasetName(warehouse.project, f"source_{mark}")
        bench = cls(
            settings=settings, warehouse=warehouse, repository=Repository.new(folder / "repository"), source=source
        )
        for dataset in (source, bench.scratch):
            warehouse.ensure_dataset(dataset)
        bench.load()
        bench.declare()
        bench.commit(GOOD, "good")
        return bench

    def close(self) -> None:
        project = self.warehouse.project
        for dataset in (self.source, self.settings.dataset(project), self.settings.registry(project)):
            self.warehouse.client.delete_dataset(str(dataset), delete_contents=True, not_found_ok=True)

    @property
    def scratch(self) -> DatasetName:
        """Where runs make their tables."""
        return self.settings.dataset(self.warehouse.project)

    def load(self) -> None:
        """Eight days of January 2024 with four vessels each, of which the first visits twice a day."""
        self.query(
            f"CREATE OR REPLACE TABLE `{self.source}.visits` AS "
            "SELECT CONCAT('v', CAST(v AS STRING)) AS vessel, "
            "TIMESTAMP_ADD(TIMESTAMP '2024-01-01 06:00:00', INTERVAL d * 24 + h HOUR) AS seen "
            "FROM UNNEST(GENERATE_ARRAY(0, 7)) AS d, UNNEST(GENERATE_ARRAY(1, 4)) AS v, UNNEST([0, 9]) AS h "
            "WHERE h = 0 OR v = 1"
        )

    def declare(self, **changes: Any) -> None:
        """Write the pipeline's defs.yaml; `changes` replace fields, None removes one."""
        attributes: dict[str, Any] = {
            "name": "visits",
            "repository": str(self.repository.path),
            "window": {"start": date(2024, 1, 1), "end": date(2024, 1, 9)},
            "tail": 2,
            "lookback": 2,
            "reads_back": 2,
            "sources": {"visits": {"table": f"{self.source}.visits", "day": "seen"}},
            "steps": [
                {
                    "name": "count",
                    "command": ["python", "job.py", "{start}", "{end}", "{source.visits}", "{table.daily}"],
                }
            ],
            "outputs": {"daily": {"keys": ["day", "vessel"], "day": "day"}},
            "mutations": {"mutate_recover": {"restrict_keys": {"source": "visits", "key": "vessel", "keys": ["v1"]}}},
            "outage": {"from": "end-4", "to": "end-2", "sources": ["visits"]},
        }
        kept = {name: value for name, value in {**attributes, **changes}.items() if value is not None}
        self.declaration.clear()
        self.declaration.update(kept)
        assert self.settings.pipelines is not None
        folder = self.settings.pipelines / "visits"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "defs.yaml").write_text(yaml.safe_dump({"type": COMPONENT, "attributes": kept}), encoding="utf-8")

    def commit(self, script: str, *tags: str, program: str = PROGRAM) -> str:
        return self.repository.commit({"job.py": program, "job.sql": script, "requirements.lock": ""}, *tags)

    def run(self, *modes: str, commit: str = "good", **options: Any) -> Ran:
        report = api.run("visits", settings=self.settings, commit=commit, modes=modes or None, **options)
        return Ran(json=report_json(report), outcome=report.outcome)

    def explain(self, *modes: str, commit: str = "good", **options: Any) -> Mapping[str, Any]:
        return prospect_json(
            api.explain("visits", settings=self.settings, commit=commit, modes=modes or None, **options)
        )

    def events(self, kind: str) -> list[Event]:
        """Every event of a kind, oldest first."""
        return list(wiring.registry(self.settings).since([kind], None, 10_000))

    def events_of(self, run_id: str) -> list[Event]:
        return list(wiring.registry(self.settings).of_run(run_id))

    def query(self, text: str) -> list[Mapping[str, Any]]:
        return list(self.warehouse.query(Statement(sql=text)).rows)

    def tables(self, prefix: str = "") -> list[str]:
        """The names of what runs have made, by prefix."""
        return [name.table for name in self.warehouse.tables(self.scratch, prefix)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a run came to."""

    json: Mapping[str, Any]
    outcome: Outcome

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each mode, by the mode's name; with its output before it if there are several."""
        comparisons = self.json["comparisons"]
        several = len({one["output"] for one in comparisons}) > 1
        return {f"{one['output']}." * several + one["right"]: one["verdict"] for one in comparisons}

    @property
    def executed(self) -> int:
        return int(self.json["invocations"]["executed"])

    @property
    def reused(self) -> int:
        return int(self.json["invocations"]["reused"])

    def comparison(self, mode: str) -> Mapping[str, Any]:
        return next(one for one in self.json["comparisons"] if one["right"] == mode)


def phases(described: Mapping[str, Any]) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """Of a run's report or of what explain says: each mode's phases as (fingerprint, decision, reasons)."""
    return {
        mode["mode"]: [(one["fingerprint"], one["decision"], tuple(one["reasons"])) for one in mode["phases"]]
        for mode in described["modes"]
    }


def decisions(described: Mapping[str, Any]) -> dict[str, str]:
    """What was decided of each distinct phase."""
    return {name: decision for path in phases(described).values() for name, decision, _ in path}


def all_phases(described: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for mode in described["modes"]:
        yield from mode["phases"]
