"""Going on after a failure, and refusing to begin anew, through the public functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dit_dagster import api, wiring
from dit_dagster.errors import NothingToResume
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
    pipeline = wiring.find_pipeline("visits", bench.settings)
    place = wiring.workplace(pipeline, bench.settings)
    plain, always = (api.Asked(pipeline="visits", experiment_id="e", resume=one) for one in ("if-possible", "always"))

    repeated = api.recorded_request(first.json["run_id"], place, pipeline, plain, bench.settings)
    resumed = api.recorded_request(first.json["run_id"], place, pipeline, always, bench.settings)

    assert (repeated.resume, resumed) == (Resume.IF_POSSIBLE, replace(repeated, resume=Resume.ALWAYS))
