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


def test_announced_differences_are_expected_and_others_are_not(dit: Dit, tmp_path: Path) -> None:
    """By output: exactly these rows differ. One that does not show is a difference, as is any other."""
    rows = "day = DATE '2024-01-07'"
    right, wrong = tmp_path / "right.yaml", tmp_path / "wrong.yaml"
    file = tmp_path / "diff.json"
    bindings = ("--binding", "before=good", "--binding", "after=appending", "--fail-on-diff")
    told = dit("diff", "visits", *bindings, "--modes", "bftruncate", *MODES[2:], "--json", str(file))
    explained = json.loads(file.read_text())["comparisons"][0]["explanation"]
    differing = sum(explained[kind] for kind in ("only_left", "only_right", "changed", "multiplicity"))
    right.write_text(f'daily: {{where: "TRUE", rows: {differing}}}\n')
    wrong.write_text(f'daily: {{where: "{rows}", rows: {differing + 1}}}\n')

    announced = dit(
        "diff", "visits", *bindings, "--modes", "bftruncate", *MODES[2:], "--expect", str(right), "--json", str(file)
    )
    other = dit("diff", "visits", *bindings, "--modes", "bftruncate", *MODES[2:], "--expect", str(wrong))

    assert (told.code, announced.code, other.code) == (1, 0, 1), announced.out
    assert verdicts(file) == {"after.bftruncate": "EXPECTED_DIFFERENCE"}


@pytest.mark.parametrize("after", ["appending", "tidied", "good"])
def test_an_announced_difference_that_does_not_show_fails(dit: Dit, tmp_path: Path, after: str) -> None:
    """Whatever else is only reported: other rows, no rows, or the same code."""
    announced = tmp_path / "announced.yaml"
    announced.write_text('daily: {where: "TRUE", rows: 999}\n')
    bindings = ("--binding", "before=good", "--binding", f"after={after}", "--modes", "bftruncate", *MODES[2:])

    assert dit("diff", "visits", *bindings).code == 0
    assert dit("diff", "visits", *bindings, "--expect", str(announced)).code == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write each output"),
        ("daily: {where: x}", "rows"),
        ("daily: {where: x, rows: 1, more: 2}", "more: unknown field; allowed: rows, where"),
        ("daily: {where: x, rows: yes}", "rows: true is no number"),
        ("daily: {where: '', rows: 1}", "where: String should have at least 1 character"),
        ("none: {where: x, rows: 1}", "no output 'none'"),
        ("[", "wrong.yaml"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_run(dit: Dit, tmp_path: Path, text: str, said: str) -> None:
    """It names the file or the output, and what is allowed."""
    file = tmp_path / "wrong.yaml"
    file.write_text(text)

    refused = dit("diff", "visits", "--binding", "a=good", "--binding", "b=tidied", "--expect", str(file))

    assert (refused.code, said in refused.err) == (2, True), refused


def test_an_image_is_of_a_binding_that_there_is(dit: Dit) -> None:
    """Each once."""
    bindings = ("--binding", "a=good", "--binding", "b=tidied")
    for images in (("c=x:1",), ("a",), ("a=x:1", "a=x:2")):
        given = [part for image in images for part in ("--binding-worker-image", image)]
        refused = dit("diff", "visits", *bindings, *given)
        assert (refused.code, "there are a, b" in refused.err) == (2, True), refused


def test_the_page_tells_each_change_once(dit: Dit, tmp_path: Path) -> None:
    """For all modes of which the same is to be said, beside the versions."""
    page = tmp_path / "diff.html"
    bindings = ("--binding", "before=good", "--binding", "tidy=tidied", "--binding", "after=appending")

    dit("diff", "visits", *bindings, *MODES, "--html", str(page))

    text = page.read_text()
    assert ("before ~ tidy in bf, bftruncate: IDENTICAL" in text, text.count("DIFFERENT")) == (True, 1)
    assert all(name in text for name in ("before", "tidy", "after", "Its own modes"))
