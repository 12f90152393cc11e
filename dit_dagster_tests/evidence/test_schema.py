"""What a run writes fits docs/report.schema.json, and the schema leaves nothing of it out."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from dit_dagster.evidence.comparison import compared_json
from dit_dagster.model.verdict import Identical, SchemaDifferent
from dit_dagster_tests.evidence.html.a_run import a_run, evidence

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """The schema with no room for a field that it does not describe.

    Open stay a policy, whose fields docs/pipelines/declaring.md describes, and what may hold any name.
    """
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict) or schema is SCHEMA["$defs"]["policy"]:
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    described = "properties" in schema and "additionalProperties" not in schema
    return {**inner, "additionalProperties": False} if described else inner


def of_report() -> Draft202012Validator:
    return Draft202012Validator(closed(SCHEMA), format_checker=FormatChecker())


def of_comparison() -> Draft202012Validator:
    whole = closed(SCHEMA)
    return Draft202012Validator({"$ref": "#/$defs/comparison", "$defs": whole["$defs"]})


def wrong(validator: Draft202012Validator, value: Any) -> list[str]:
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(value)]


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def test_the_schema_is_one() -> None:
    """Of JSON Schema's draft 2020-12."""
    Draft202012Validator.check_schema(SCHEMA)


def test_a_report_with_everything_in_it_fits() -> None:
    """With no field that is not described."""
    assert wrong(of_report(), as_json(a_run())) == []


@pytest.mark.parametrize(
    "verdict",
    [
        pytest.param(Identical(evidence=evidence("a.left", "a.right")), id="identical"),
        pytest.param(
            SchemaDifferent(evidence=evidence("a.left", "a.right"), differences=("v: INT64 ~ STRING",)), id="schema"
        ),
    ],
)
def test_what_compare_writes_fits(verdict: Identical | SchemaDifferent) -> None:
    """Without an output, with counts and cost beside."""
    assert wrong(of_comparison(), as_json(compared_json(verdict))) == []


@pytest.mark.parametrize("path", [("commit",), ("comparisons", 0, "verdict"), ("modes", 0, "phases", 0, "start")])
def test_a_report_that_lacks_something_does_not_fit(path: tuple[str | int, ...]) -> None:
    """Nor one in which it is something else."""
    without, other = as_json(a_run()), as_json(a_run())
    *way, last = path
    for report, change in ((without, dict.pop), (other, lambda place, name: place.update({name: 1}))):
        place: Any = report
        for step in way:
            place = place[step]
        change(place, last)

    assert (bool(wrong(of_report(), without)), bool(wrong(of_report(), other))) == (True, True)


def test_a_field_that_is_not_described_is_noticed() -> None:
    """Which is what makes the first tests say something."""
    report = copy.deepcopy(as_json(a_run()))
    report["comparisons"][0]["columns"][0]["surprise"] = 1

    assert len(wrong(of_report(), report)) > 0
