"""Traps of what is shown: the verdict was right, and what people looked at was not."""

from __future__ import annotations

import re

import pytest

from dit_dagster import api
from dit_dagster.cli.diff import show_diff
from dit_dagster.evidence.crossing import diff_json
from dit_dagster.evidence.html import diff_page
from dit_dagster_tests.scenarios.bench import APPENDING, GOOD, Bench


@pytest.mark.parametrize(
    ("other", "banner", "word"),
    [
        pytest.param("appending", "changed", "CHANGED", id="another result"),
        pytest.param("tidied", "pass", "PASS", id="the same result"),
    ],
)
def test_trap_53_a_difference_that_is_only_told_is_shown_as_no_pass(
    bench: Bench, capsys: pytest.CaptureFixture[str], other: str, banner: str, word: str
) -> None:
    """Trap 53: where a difference does not fail, the page and the last line say CHANGED; PASS is for equal data."""
    bench.commit(APPENDING, "appending")
    bench.commit(f"{GOOD}\n-- said otherwise", "tidied")
    bindings = {"before": "good", "after": other}

    described = diff_json(api.diff("visits", bindings, settings=bench.settings, modes=["bf", "bftruncate"]))
    page = diff_page(described)
    show_diff(described)

    said = capsys.readouterr().out.strip().splitlines()
    found = re.search(r'<header class="(\w+)">', page)
    assert found is not None
    assert (described["outcome"], found[1], said[-1]) == ("pass", banner, word)
    assert f"<td>{other}</td>" in page
    assert any(line.strip().startswith(f"after: {other} = ") for line in said)
