"""A policy that contradicts itself is refused, in whatever way it is written: names fold as BigQuery's do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dit_dagster.model.policy import ComparisonPolicy

RIGHT: dict[str, Any] = {
    "keys": ["id", "part"],
    "ignore": {"loaded_at": "when it was written", "raw": "not ours"},
    "columns": {"speed": {"tolerance": {"abs": 0.1}}, "pos.lat": {"tolerance": {"rel": 1e-9}}, "doc": "json"},
    "dimensions": ["kind"],
    "day": "day",
    "span": {"start": "began", "end": "ended"},
}

WRONG = [
    pytest.param({"ignore": {"SPEED": "x"}}, "SPEED|speed", id="ignored in another case, with a policy"),
    pytest.param({"columns": {"speed": "exact", "Speed": "json"}}, "speed stands 2 times", id="two cases of a column"),
    pytest.param({"ignore": {"pos": "x"}}, "pos.lat: ignored", id="a policy within what is ignored"),
    pytest.param({"ignore": {"POS": "x"}}, "pos.lat: ignored", id="and in another case"),
    pytest.param(
        {"ignore": {"legs": "x"}, "columns": {"legs[].at": "exact"}}, "ignored, and given", id="within an ignored ARRAY"
    ),
    pytest.param({"keys": ["k", "K"]}, "k stands 2 times", id="a key twice"),
    pytest.param({"ignore": {"a": "x", "A": "y"}}, "a stands 2 times", id="ignored twice"),
    pytest.param({"dimensions": ["kind", "Kind"]}, "kind stands 2 times", id="a dimension twice"),
    pytest.param({"ignore": {"ID": "x"}}, "id: ignored", id="an ignored key in another case"),
    pytest.param({"ignore": {"Day": "x"}}, "day: ignored", id="an ignored day"),
    pytest.param({"ignore": {"a": "  "}}, "needs a reason", id="no reason"),
    pytest.param({"columns": {"ID": {"tolerance": {"abs": 1}}}}, "a key, and given a tolerance", id="a tolerant key"),
    pytest.param({"columns": {"v": {"tolerance": {"abs": True}}}}, "true is no number", id="true as a bound"),
    pytest.param({"columns": {"v": {"json": {"rel": False}}}}, "false is no number", id="false as a bound of json"),
    pytest.param({"columns": {"v": {"metres": True}}}, "true is no number", id="true as a distance"),
    pytest.param({"expected_diff": {"where": "a = 1", "rows": True}}, "rows", id="true as a number of rows"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_trap_54_a_contradiction_is_refused_by_its_column(change: dict[str, Any], said: str) -> None:
    """Trap 54: a policy that says two things of one column decided for one of them in silence."""
    with pytest.raises(ValidationError, match=said):
        ComparisonPolicy.model_validate({**RIGHT, **change})


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(ValidationError) as raised:
        ComparisonPolicy.model_validate({"keys": ["k", "K"], "ignore": {"v": "x", "K": ""}, "columns": {"V": "exact"}})

    said = str(raised.value)
    assert all(part in said for part in ("k stands 2 times", "V: ignored", "ignored, and used as a key", "a reason"))


def cased(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, name.upper(), name.title(), name.swapcase()])


NAMES = st.sampled_from(["speed", "pos", "pos.lat", "legs", "legs[].at", "legs[].pos.lat", "doc"])


@st.composite
def wrong_policies(draw: st.DrawFn) -> dict[str, Any]:
    """A right policy with one contradiction in it, in any case, at any depth."""
    name = draw(NAMES)
    outer = draw(st.sampled_from([name, name.split(".")[0].split("[")[0]]))
    kind = draw(st.sampled_from(["ignored and compared", "key twice", "ignored key", "columns twice", "bool"]))
    match kind:
        case "ignored and compared":
            return {"ignore": {draw(cased(outer)): "x"}, "columns": {draw(cased(name)): "exact"}}
        case "key twice":
            return {"keys": [outer, draw(cased(outer).filter(lambda other: other != outer)), "other"]}
        case "ignored key":
            return {"keys": [draw(cased(outer))], "ignore": {draw(cased(outer)): "x"}}
        case "columns twice":
            return {"columns": {name: "exact", draw(cased(name).filter(lambda other: other != name)): "json"}}
    return {"columns": {name: {"tolerance": {draw(st.sampled_from(["abs", "rel"])): draw(st.booleans())}}}}


@settings(max_examples=2000, deadline=None)
@given(wrong_policies())
def test_no_wrong_policy_passes(wrong: dict[str, Any]) -> None:
    """The generator finds none that is taken."""
    with pytest.raises(ValidationError):
        ComparisonPolicy.model_validate(wrong)


@settings(max_examples=500, deadline=None)
@given(st.lists(NAMES, unique=True), st.data())
def test_a_right_policy_is_taken_in_any_case(names: list[str], data: st.DataObject) -> None:
    """Refusing is no false alarm: names that only begin alike have nothing to do with one another."""
    compared = {data.draw(cased(name)): "exact" for name in names}

    assert ComparisonPolicy.model_validate({**RIGHT, "columns": compared, "ignore": {"po": "x", "leg": "y"}})


def test_trap_54_the_right_policy_is_taken() -> None:
    assert ComparisonPolicy.model_validate(RIGHT).keys == ("id", "part")
