"""A golden state speaks of its own sources and days only."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dit_dagster.errors import BadDeclaration
from dit_dagster.model.golden import Golden
from dit_dagster.model.window import Window
from dit_dagster.planning.plan import GoldenPair, NoPair, Pair
from dit_dagster_tests.builders import a_golden, a_pipeline, a_plan, source_identity

PLAN = a_plan("bf", "bfd")
GOLDEN = a_golden(PLAN, "bf")
SOURCES = {name: identity.to_json() for name, identity in PLAN.sources.items()}


def test_it_is_comparable_with_a_run_on_its_own_sources_and_days() -> None:
    """Whatever the mode."""
    assert GOLDEN.why_incomparable(SOURCES, PLAN.request.window) is None


@pytest.mark.parametrize(
    ("sources", "window", "said"),
    [
        pytest.param({"trips": source_identity(etag="e2").to_json()}, None, "trips changed since", id="changed"),
        pytest.param({}, None, "trips changed since", id="one source less"),
        pytest.param({**SOURCES, "more": SOURCES["trips"]}, None, "more changed since", id="one more"),
        pytest.param(SOURCES, Window(date(2013, 1, 1), date(2013, 6, 1)), "covers [2013-01-01, 2014", id="other days"),
    ],
)
def test_it_says_why_it_cannot_be_compared(sources: dict[str, Any], window: Window | None, said: str) -> None:
    """A difference would be of the input, and an equality an accident."""
    assert said in str(GOLDEN.why_incomparable(sources, window or PLAN.request.window))


def test_it_is_read_as_it_was_written() -> None:
    """And what cannot be read counts as not set."""
    described = GOLDEN.to_json()

    assert Golden.from_json(described) == replace(GOLDEN)
    assert Golden.readable({**described, "record": {}}) is None


def test_every_output_of_the_reference_is_compared_with_it() -> None:
    """Beside the pairs of modes; with one mode alone, there is a comparison all the same."""
    asked: dict[str, Any] = {"with_golden": True, "golden": GOLDEN}

    both, alone = a_plan("bf", "bfd", **asked).pairs, a_plan("bfd", **asked).pairs

    assert both == (
        GoldenPair(output="daily", right="bf", golden=GOLDEN),
        Pair(output="daily", left="bf", right="bfd"),
    )
    assert alone == (GoldenPair(output="daily", right="bfd", golden=GOLDEN),)


def test_a_comparison_that_is_asked_for_is_never_left_out() -> None:
    """Without a golden state it is none, and says how to get one."""
    [pair] = a_plan("bf", with_golden=True).pairs

    assert isinstance(pair, NoPair)
    assert pair.reason == "no golden state is set; 'dit golden set trips --commit REF' sets one"


def test_no_mode_is_called_golden() -> None:
    """It stands in a mode's place."""
    with pytest.raises(BadDeclaration, match=r"modes\.golden"):
        a_pipeline(modes={"golden": {"phases": [{"kind": "slice", "from": "start", "to": "end"}]}})
