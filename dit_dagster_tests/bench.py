"""Times of the whole, as ratios within one run: `make bench`.

The bare script runs the same 20 invocations of the sample pipeline one after another, in its own environment, into
tables of its own, and a FULL OUTER JOIN with a count for each pair. Nothing is asserted: machines are shared and
noisy, and a number is for reading.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from dit_dagster import wiring
from dit_dagster.api import Asked, make_request
from dit_dagster.model.identity import TableName
from dit_dagster.planning.modes import calendar, resolve
from dit_dagster.ports import Statement
from dit_dagster.running.phase import fill
from dit_dagster.running.sources import identify, render
from dit_dagster.settings import Settings

_BIN = Path(sys.executable).parent
_MODES = ("bf", "bfd", "bftruncate", "mutate_recover")
_KEYS = {"gaps": ("gap_id",), "daily": ("day", "carrier")}
_COMPARED = {"gaps": "gaps_last_versions", "daily": "daily"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--home", type=Path, help="a home directory to keep; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dit-bench-") as temporary:
        home = options.home or Path(temporary)
        os.environ["DIT_HOME"] = str(home)
        try:
            _measure(options.rounds, home)
        finally:
            subprocess.run([_BIN / "dit", "local", "down"], check=False, stdout=subprocess.DEVNULL)


def _measure(rounds: int, home: Path) -> None:
    subprocess.run([_BIN / "dit", "local", "up"], check=True, stdout=subprocess.DEVNULL)
    first = _seconds(lambda: _dit("run"))
    print(f"first run, with its environment built and its input loaded: {first:6.1f} s", flush=True)
    script, variables = _bare_script(home)
    bare, cold = [], []
    for number in range(1, rounds + 1):
        bare.append(_seconds(lambda: subprocess.run(["bash", script], check=True, env=variables)))
        cold.append(_seconds(lambda: _dit("run", "--force")))
        print(f"round {number}: bare script {bare[-1]:6.1f} s, dit cold {cold[-1]:6.1f} s", flush=True)
    warm = [_seconds(lambda: _dit("run")) for _ in range(5)]
    ratios = [ours / theirs for ours, theirs in zip(cold, bare, strict=True)]
    print(f"cold: {statistics.median(cold):.1f} s against {statistics.median(bare):.1f} s bare; ratio ", end="")
    print(f"{statistics.median(ratios):.2f} (pairs: {', '.join(f'{ratio:.2f}' for ratio in ratios)}; goal 0.60)")
    print(f"warm: {statistics.median(warm):.2f} s (goal 3)")
    bare_python = _median(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    help_ = _median(lambda: subprocess.run([_BIN / "dit", "--help"], check=True, stdout=subprocess.DEVNULL))
    print(f"start-up: python {bare_python:.2f} s, dit --help {help_:.2f} s, ", end="")
    print(f"dagster job, everything reused: {_dagster_job(home):.1f} s")


def _dit(*arguments: str) -> None:
    command = [str(_BIN / "dit"), *arguments, "flight_gaps", "--commit", "v1", "--modes", ",".join(_MODES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")


def _dagster_job(home: Path) -> float:
    """The job of the default modes, after `dit run` has left every state that it needs."""
    folder = home / "dagster"
    folder.mkdir(exist_ok=True)
    variables = {**os.environ, "DAGSTER_HOME": str(folder)}
    listed = json.loads(subprocess.check_output([_BIN / "dit", "list", "--json"]))
    sample = next(pipeline for pipeline in listed if pipeline["pipeline"] == "flight_gaps")
    v1 = next(known["commit"] for known in sample["commits"] if known["ref"] == "v1")
    tags = json.dumps({"dagster/partition": v1})
    job = ["-m", "dit_dagster.definitions", "-j", "flight_gaps__mode_equivalence", "--tags", tags]
    return _seconds(
        lambda: subprocess.run(
            [_BIN / "dagster", "job", "execute", *job], check=True, env=variables, capture_output=True
        )
    )


def _bare_script(home: Path) -> tuple[Path, Mapping[str, str]]:
    """A shell script as an engineer would write it, and the environment it runs in."""
    settings = Settings.read()
    pipeline = wiring.find_pipeline("flight_gaps", settings)
    place = wiring.workplace(pipeline, settings)
    request = make_request(Asked(pipeline="flight_gaps", commit="v1", modes=_MODES), pipeline, place, settings)
    tree = place.code.tree(request.commit)
    environment = place.environments.ensure(place.code.checkout(request.commit, tree))
    sources = {name: identity.table for name, identity in identify(place.warehouse, pipeline).items()}
    [mutation] = pipeline.mutation("mutate_recover")
    rendered = render(mutation, {}, pipeline.sources["flights"], (), {})
    damaged = place.dataset.table("bare_damaged_flights")
    place.warehouse.ensure_dataset(place.dataset)
    create = f"CREATE OR REPLACE TABLE {damaged.sql} AS {rendered.select} FROM {sources['flights'].sql}"
    place.warehouse.query(Statement(sql=f"{create} WHERE {rendered.keep}", parameters=rendered.parameters))
    dates = calendar(pipeline, request.window, request.tail, request.lookback)
    lines = ["set -euo pipefail"]
    for mode in _MODES:
        tables = {name: place.dataset.table(f"bare_{mode}_{name}") for name in pipeline.outputs}
        lines.append(f"run_sql 'DROP TABLE IF EXISTS {tables['gaps'].sql}; DROP TABLE IF EXISTS {tables['daily'].sql}'")
        for phase in resolve(pipeline, mode, dates):
            flights = damaged if phase.mutation else sources["flights"]
            values = {
                "start": phase.window.start.isoformat(),
                "end": phase.window.end.isoformat(),
                "project": place.warehouse.project,
                "source.flights": str(flights),
                "source.aircraft": str(sources["aircraft"]),
                "parameter.min_gap_hours": str(pipeline.parameters["min_gap_hours"]),
                **{f"table.{name}": str(table) for name, table in tables.items()},
            }
            lines += [" ".join(fill(part, values) for part in step.command) for step in pipeline.steps]
    lines += [f"run_sql '{_join(place.dataset.table, output, mode)}'" for output in _KEYS for mode in _MODES[1:]]
    script = home / "bare.sh"
    script.write_text(_RUN_SQL + "\n".join(lines) + "\n", encoding="utf-8")
    binaries = ":".join(str(folder) for folder in environment.binaries)
    return script, {**place.variables, "PATH": f"{binaries}:{place.variables['PATH']}"}


_CLIENT = "import sys; from google.cloud import bigquery; list(bigquery.Client().query(sys.argv[1]).result())"
_RUN_SQL = f"""run_sql() {{
  python -c '{_CLIENT}' "$1"
}}
"""


def _join(table: Callable[[str], TableName], output: str, mode: str) -> str:
    left, right = (table(f"bare_{name}_{_COMPARED[output]}").sql for name in ("bf", mode))
    using = ", ".join(_KEYS[output])
    differs = "TO_JSON_STRING(l) IS DISTINCT FROM TO_JSON_STRING(r)"
    return f"SELECT COUNT(*) FROM {left} l FULL OUTER JOIN {right} r USING ({using}) WHERE {differs}"


def _seconds(what: Callable[[], object]) -> float:
    started = time.monotonic()
    what()
    return time.monotonic() - started


def _median(what: Callable[[], object]) -> float:
    return statistics.median(_seconds(what) for _ in range(5))


if __name__ == "__main__":
    main()
