"""Measure and print: `make bench-compare`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.comparing import Digest, compare_tables, digest
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import verdict_name
from dit_dagster.ports import Statement
from dit_dagster_tests.bench_compare.tables import Pair, trap_pairs, wide_pairs

_HERE = Path(__file__).parent
_PEERS = ("datacompy", "polars", "SQLMesh", "reladiff", "duckdb")
_TIMED = ("floor", "join", "datacompy", "SQLMesh", "reladiff")
_ASKED = ("datacompy", "SQLMesh", "reladiff")
_OURS = "dit"
_LONGEST = 600

Measures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where the subjects run: the peers' interpreter, and a local cloud of one's own."""

    folder: Path
    peers: Path
    warehouse: BigQueryWarehouse
    dataset: DatasetName

    def loaded(self, pair: Pair) -> tuple[str, str]:
        """The pair's tables in the local cloud, by load jobs."""
        names = []
        for side, file in (("l", pair.left), ("r", pair.right)):
            name = self.dataset.table(f"{side}_{pair.database.parent.name}")
            config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_TRUNCATE")
            with file.open("rb") as content:
                self.warehouse.client.load_table_from_file(content, str(name), job_config=config).result()
            names.append(str(name))
        return names[0], names[1]

    def ours(self, pair: Pair, tables: tuple[str, str]) -> Measures:
        policy = json.dumps({"keys": list(pair.keys), **pair.policy})
        module = "dit_dagster_tests.bench_compare.ours"
        return _measured([sys.executable, "-m", module, str(self.folder / "local"), *tables, policy])

    def peer(self, tool: str, pair: Pair, tolerance: float = 0.0) -> Measures:
        files = (str(each) for each in (pair.database, pair.left, pair.right))
        script = str(_HERE / "peer.py")
        return _measured([str(self.peers), script, tool, *files, json.dumps(pair.keys), str(tolerance)])


def main() -> None:
    """Times on wide tables, then the answers on the traps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", default="1000000,5000000", help="rows of the wide tables, separated by commas")
    parser.add_argument("--tools", default=",".join(_TIMED), help="what to time beside ours")
    parser.add_argument("--peers", type=Path, help="a Python that has the peers; default: installed for this run")
    parser.add_argument("--modes", type=int, default=1000, help="how many stored digests one experiment has")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the local cloud is stopped
    with tempfile.TemporaryDirectory(prefix="dit-bench-") as temporary:
        folder = Path(temporary)
        peers = options.peers or _installed(folder / "peers")
        cloud = local_gcp.up(folder / "local")
        try:
            warehouse = BigQueryWarehouse.local(rest=cloud.rest, project=cloud.project)
            dataset = DatasetName(cloud.project, "bench")
            warehouse.ensure_dataset(dataset)
            bench = Bench(folder=folder, peers=peers, warehouse=warehouse, dataset=dataset)
            for rows in (int(each) for each in options.rows.split(",") if each):
                _time(bench, rows, options.rounds, [tool for tool in options.tools.split(",") if tool])
            _stored(bench, options.modes)
            _answers(bench)
        finally:
            local_gcp.down(folder / "local")


def _installed(folder: Path) -> Path:
    """The peers in an environment of their own: they are no part of the lock."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([python, "-m", "pip", "install", *quiet, *_PEERS], check=True)
    return python


def _time(bench: Bench, rows: int, rounds: int, tools: Sequence[str]) -> None:
    folder = bench.folder / f"rows{rows}"
    folder.mkdir()
    for pair in wide_pairs(folder, rows):
        tables = bench.loaded(pair)
        measured: dict[str, list[Measures]] = {tool: [] for tool in (_OURS, *tools)}
        for _ in range(rounds):
            measured[_OURS].append(bench.ours(pair, tables))
            for tool in tools:
                if not any("stopped" in each["answer"] for each in measured[tool]):
                    measured[tool].append(bench.peer(tool, pair))
        print(f"\n{rows:,} rows x 8 columns, {pair.name}; medians of {rounds}")
        print(f"{'':>12} {'CPU s':>8} {'wall s':>8} {'peak MB':>8} {'our CPU':>8} {'our wall':>8}  answer")
        for tool, results in measured.items():
            _print_times(tool, results, measured[_OURS])
        for name in tables:
            bench.warehouse.client.delete_table(name)


def _print_times(tool: str, results: Sequence[Measures], ours: Sequence[Measures]) -> None:
    """The medians, and the median of the ratios of one round each: below 1 we are ahead."""
    medians = [statistics.median(each[what] for each in results) for what in ("cpu", "wall", "peak")]
    ratios = [
        statistics.median(mine[what] / theirs[what] for mine, theirs in zip(ours, results, strict=False))
        for what in ("cpu", "wall")
    ]
    figures = "".join(f" {value:8.2f}" for value in medians[:2]) + f" {medians[2]:8.0f}"
    compared = "".join(f" {ratio:8.2f}" for ratio in ratios)
    print(f"{tool:>12}{figures}{compared}  {results[-1]['answer']}", flush=True)


def _stored(bench: Bench, modes: int) -> None:
    """Every mode against the reference, from digests that were stored: nothing is read."""
    tables = [bench.dataset.table(f"mode_{number % 10}") for number in range(modes)]
    for table in set(tables):
        bench.warehouse.query(Statement(sql=f"CREATE TABLE {table.sql} AS SELECT 1 AS id, 'a' AS v"))
    policy = ComparisonPolicy(keys=("id",))
    stored = digest(bench.warehouse, tables[0], policy)[0].to_json()
    started = time.monotonic()
    verdicts = [
        compare_tables(
            bench.warehouse,
            tables[0],
            table,
            policy,
            left_digest=Digest.from_json(stored),
            right_digest=Digest.from_json(stored),
        )
        for table in tables
    ]
    statements = sum(verdict.evidence.cost.statements for verdict in verdicts)
    names = ", ".join(sorted({verdict_name(verdict) for verdict in verdicts}))
    print(
        f"\n{modes:,} modes from stored digests: {names}, {statements} statements, {time.monotonic() - started:.1f} s"
    )


def _answers(bench: Bench) -> None:
    folder = bench.folder / "traps"
    folder.mkdir()
    print(f"\n{'trap':<50} {'truth':<10} {_OURS:<30} " + " ".join(f"{tool:<26}" for tool in _ASKED))
    wrong = dict.fromkeys((_OURS, *_ASKED), 0)
    for trap, pair in trap_pairs(folder):
        mine = bench.ours(pair, bench.loaded(pair))
        answers = {_OURS: mine["answer"]}
        answers |= {tool: bench.peer(tool, pair, 0.1 if trap.number == 5 else 0.0)["answer"] for tool in _ASKED}
        for tool, answer in answers.items():
            wrong[tool] += answer != trap.truth
        shown = {tool: answer + ("" if answer == trap.truth else " (!)") for tool, answer in answers.items()}
        shown[_OURS] += f" {mine.get('verdict', '')}"
        title = f"{trap.number:>2} {trap.what}"
        print(f"{title:<50} {trap.truth:<10} {shown[_OURS]:<30} " + " ".join(f"{shown[tool]:<26}" for tool in _ASKED))
    print("answers that are not the truth: " + ", ".join(f"{tool} {count}" for tool, count in wrong.items()))


def _measured(command: Sequence[str]) -> Measures:
    """What a subject printed; one that takes too long is stopped, which is an answer as well."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST, check=False, env=dict(os.environ)
        )
    except subprocess.TimeoutExpired:
        return {"answer": f"stopped after {_LONGEST} s", "cpu": _LONGEST, "wall": _LONGEST, "peak": 0.0}
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    found: Measures = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
