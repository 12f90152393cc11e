"""`dit diff`: several commits on one input, mode by mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dit_dagster import api, wiring
from dit_dagster.evidence.crossing import diff_json
from dit_dagster.model.verdict import Expectation
from dit_dagster.running.crossing import Diff, cross
from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.scenarios.bench import APPENDING, GOOD, Bench

MODES = ("--modes", "bf,bftruncate", "--tail", "1", "--lookback", "1")


@pytest.fixture(scope="module", autouse=True)
def commits(bench: Bench) -> None:
    bench.commit(APPENDING, "appending")
    bench.commit(f"{GOOD}\n-- said otherwise", "tidied")
    bench.commit("SELECT ERROR('no such luck')", "broken")


def verdicts(file: Path) -> dict[str, str]:
    document: dict[str, Any] = json.loads(file.read_text())
    return {f"{one['right']}.{one['mode']}": one["verdict"] for one in document["comparisons"]}


def test_each_mode_is_compared_across_the_bindings(dit: Dit, tmp_path: Path) -> None:
    """A refactoring changes nothing in any mode; a bug shows in those modes that exercise it."""
    file = tmp_path / "diff.json"
    bindings = ("--binding", "before=good", "--binding", "tidy=tidied", "--binding", "after=appending")

    said = dit("diff", "visits", *bindings, *MODES, "--json", str(file))

    assert verdicts(file) == {
        "tidy.bf": "IDENTICAL",
        "tidy.bftruncate": "IDENTICAL",
        "after.bf": "IDENTICAL",
        "after.bftruncate": "DIFFERENT",
    }
    assert said.code == 0, said
    assert "daily, before ~ after, in bftruncate" in said.out
    document = json.loads(file.read_text())
    assert [each["outcome"] for each in document["bindings"]] == ["pass", "pass", "fail"]


def test_a_difference_fails_where_that_is_asked(dit: Dit, tmp_path: Path) -> None:
    """And what is known already is not run again."""
    file = tmp_path / "diff.json"
    bindings = ("--binding", "before=good", "--binding", "after=appending", "--fail-on-diff")

    assert dit("diff", "visits", *bindings, *MODES).code == 1
    said = dit("diff", "visits", *bindings, *MODES, "--json", str(file))

    assert said.code == 1
    assert [each["executed"] for each in json.loads(file.read_text())["bindings"]] == [0, 0]


def test_equal_code_is_unchanged(dit: Dit, tmp_path: Path) -> None:
    """Labelled, so that nobody takes it for a proof of anything else."""
    file = tmp_path / "diff.json"
    said = dit("diff", "visits", "--binding", "a=good", "--binding", "b=good", *MODES, "--json", str(file))

    assert (said.code, set(verdicts(file).values())) == (0, {"UNCHANGED"})


def test_a_binding_that_fails_skips_its_own_pairs_only(dit: Dit, tmp_path: Path) -> None:
    """Its siblings are run and judged."""
    file = tmp_path / "diff.json"
    bindings = ("--binding", "before=good", "--binding", "broken=broken", "--binding", "tidy=tidied")

    said = dit("diff", "visits", *bindings, *MODES, "--json", str(file))

    assert said.code == 4
    assert verdicts(file) == {
        "broken.bf": "SKIPPED",
        "broken.bftruncate": "SKIPPED",
        "tidy.bf": "IDENTICAL",
        "tidy.bftruncate": "IDENTICAL",
    }
    assert "no such luck" in said.out


@pytest.mark.parametrize(
    ("bindings", "named"),
    [
        (("--binding", "before=good"), "twice or more"),
        (("--binding", "a=good", "--binding", "a=tidied"), "stands twice"),
        (("--binding", "good", "--binding", "b=good"), "NAME=REF"),
        (("--binding", "a=", "--binding", "b=good"), "NAME=REF"),
        (("--binding", "../a=good", "--binding", "b=good"), "a name is"),
        (("--binding", "a=good", "--binding", "b=nowhere"), "nowhere"),
        (("--binding", "a=good", "--binding", "b=good", "--modes", "nope"), "nope"),
    ],
)
def test_a_wrong_use_is_refused_before_anything_is_run(
    dit: Dit, bench: Bench, bindings: tuple[str, ...], named: str
) -> None:
    """Trap 17: nothing would be compared, and that must not look like a pass."""
    before = len(bench.events("run_planned"))

    said = dit("diff", "visits", *bindings)

    assert (said.code, len(bench.events("run_planned"))) == (2, before)
    assert named in said.err


def test_another_input_on_each_side_is_incomparable(bench: Bench) -> None:
    """What differs then may be the input's doing."""
    pipeline = wiring.find_pipeline("visits", bench.settings)
    reports = {}
    for name, commit in (("before", "good"), ("after", "tidied")):
        place = wiring.workplace(pipeline, bench.settings)
        asked = api.Asked(pipeline="visits", commit=commit, modes=("bf", "bftruncate"), tail=1, lookback=1)
        reports[name] = api.run_prepared(api.make_request(asked, pipeline, place, bench.settings), place)
        bench.query(f"DELETE FROM `{bench.source}.visits` WHERE vessel = 'v4' AND DATE(seen) = '2024-01-02'")

    found = Diff(reports=reports, crossings=cross(reports, place), expectation=Expectation.REPORT_ONLY, seconds=0.0)

    described = diff_json(found)
    assert {one["verdict"] for one in described["comparisons"]} == {"INCOMPARABLE"}
    assert described["outcome"] == "inconclusive"
    bench.load()
