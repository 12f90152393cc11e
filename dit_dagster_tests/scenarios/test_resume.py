"""Going on after a failure, and refusing to begin anew, through the public functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dit_dagster import api, wiring
from dit_dagster.errors import NothingToResume, UsageError
from dit_dagster.model.experiment import Request
from dit_dagster.model.resumption import Resume
from dit_dagster_tests.scenarios.bench import GOOD, PROGRAM, Bench, phases

SHORT: dict[str, Any] = {"tail": 2, "lookback": 1}
FAILING_ONCE = """
import pathlib, sys

mark = pathlib.Path({mark!r})
if sys.argv[1] == "2024-01-08" and not mark.exists():
    mark.touch()
    sys.exit("the first time it fails")
"""


def kinds(described: Any, mode: str) -> list[str]:
    return [decision for _, decision, _ in phases(described)[mode]]


def test_a_run_after_a_failure_goes_on_from_the_last_committed_phase(bench: Bench) -> None:
    """Of the phases of bfd the last failed: with `always`, it alone runs, as was foretold."""
    mark = str(bench.settings.home / "failed")
    bench.commit(GOOD, "fragile", program=FAILING_ONCE.format(mark=mark) + PROGRAM)
    failed = bench.run("bfd", commit="fragile", **SHORT)

    foretold = bench.explain("bfd", commit="fragile", resume="always", **SHORT)
    ran = bench.run("bfd", commit="fragile", resume="always", **SHORT)

    assert (failed.exit_code, failed.executed) == (4, 2)
    assert (ran.executed, ran.reused) == (1, 2)
    assert phases(foretold) == phases(ran.json)


def test_always_fails_before_anything_is_recorded(bench: Bench) -> None:
    """Explain says the same: one decision."""
    with pytest.raises(NothingToResume, match="bf:1"):
        bench.explain("bf", resume="always")
    with pytest.raises(NothingToResume, match="bf:1"):
        bench.run("bf", resume="always")

    assert (bench.events("run_planned"), bench.tables()) == ([], [])


def test_a_run_from_a_phase_on_replaces_it_and_what_stands_on_it(bench: Bench) -> None:
    """As was foretold; the phases before it are reused, the verdict is on the new states."""
    bench.run("bf", "bfd", **SHORT)

    foretold = bench.explain("bf", "bfd", from_phase="bfd:2", **SHORT)
    ran = bench.run("bf", "bfd", from_phase="bfd:2", **SHORT)

    assert kinds(ran.json, "bfd") == ["reuse", "run", "run"]
    assert phases(foretold) == phases(ran.json)
    assert (ran.executed, ran.reused, ran.verdicts) == (2, 2, {"bfd": "IDENTICAL"})


def test_never_executes_everything_anew(bench: Bench) -> None:
    """Like force."""
    bench.run("bf")

    assert bench.run("bf", resume="never").executed == 1


def test_a_recorded_run_is_repeated_with_another_will(bench: Bench) -> None:
    """What may be resumed is asked each time, and is not part of what is repeated."""
    first = bench.run("bf", resume="never")

    plain, always = (
        repeated(bench, first.json["run_id"], experiment_id="e", resume=one) for one in ("if-possible", "always")
    )

    assert (plain.resume, always) == (Resume.IF_POSSIBLE, replace(plain, resume=Resume.ALWAYS))


def repeated(bench: Bench, run_id: str, **options: Any) -> Request:
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = wiring.workplace(pipeline, bench.settings)
    return api.recorded_request(run_id, place, pipeline, api.Asked(pipeline="visits", **options), bench.settings)


def test_a_recorded_run_is_repeated_on_what_it_read(bench: Bench) -> None:
    """A table that was named for it, and its limit; not what the declaration reads."""
    bench.query(f"CREATE TABLE `{bench.source}.few` AS SELECT * FROM `{bench.source}.visits` WHERE vessel = 'v1'")
    first = bench.run("bf", tables={"visits": f"{bench.source}.few"}, max_bytes=10**9)

    again = repeated(bench, first.json["run_id"])
    report = api.run_prepared(again, wiring.workplace(again.pipeline, bench.settings))

    assert report.prospect.plan.sources["visits"].table.table == "few"
    assert (len(report.reused), len(report.executed), again.max_bytes) == (1, 0, 10**9)
    assert repeated(bench, first.json["run_id"], max_bytes=5).max_bytes == 5


def test_a_recorded_run_on_golden_sources_is_repeated_on_those(bench: Bench) -> None:
    """Though nobody names the golden state again, and the sources have changed."""
    bench.run("bf")
    api.set_golden("visits", settings=bench.settings, commit="good")
    bench.load()
    first = bench.run("bf", golden_sources=True)

    again = repeated(bench, first.json["run_id"])
    report = api.run_prepared(again, wiring.workplace(again.pipeline, bench.settings))

    assert (len(report.reused), len(report.executed)) == (1, 0)
    with pytest.raises(UsageError, match="leave out --no-golden"):
        repeated(bench, first.json["run_id"], golden=False)


def test_a_folder_neither_repeats_a_run_nor_is_repeated(bench: Bench) -> None:
    """It would pass for the commit that the run was of."""
    recorded = bench.run("bf").json["run_id"]
    of_folder = api.run("visits", settings=bench.settings, modes=["bf"], editable=bench.repository.path).run_id

    with pytest.raises(UsageError, match="leave out one of them"):
        repeated(bench, recorded, editable=bench.repository.path)
    with pytest.raises(UsageError, match="cannot be repeated"):
        repeated(bench, of_folder)
