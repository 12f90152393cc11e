"""Verdicts in Dagster's words: what passes, how severe the rest is, and what the page shows."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg
import pytest

from dit_dagster.defs import metadata
from dit_dagster.defs.evaluations import evaluation, outcomes
from dit_dagster.defs.vocabulary import CheckedPair, Vocabulary
from dit_dagster.model.verdict import (
    ColumnDifference,
    Empty,
    Error,
    Identical,
    Incomparable,
    Incomplete,
    NotCompared,
    NotExercised,
    Sample,
    SchemaDifferent,
    Skipped,
    Verdict,
)
from dit_dagster_tests.defs.conftest import a_small_pipeline
from dit_dagster_tests.defs.reports import a_comparison, a_difference, a_verdict_json, an_evidence

PAIR = CheckedPair(output="daily", mode="bfd", reference="bf", equality="equals_bf", exercise=None)
MUTATED = CheckedPair(output="daily", mode="mutate_recover", reference="bf", equality="equals_bf", exercise="exercised")
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
EVIDENCE = an_evidence()


@pytest.mark.parametrize(
    ("verdict", "passed", "severity"),
    [
        pytest.param(Identical(evidence=EVIDENCE), True, ERROR, id="identical"),
        pytest.param(a_difference(), False, ERROR, id="different"),
        pytest.param(SchemaDifferent(evidence=EVIDENCE, differences=("a: INT64 ~ STRING",)), False, ERROR, id="schema"),
        pytest.param(
            Incomplete(evidence=EVIDENCE, missing_left=(date(2013, 1, 2),), missing_right=()), False, ERROR, id="days"
        ),
        pytest.param(Error(evidence=EVIDENCE, reason="no answer"), False, ERROR, id="error"),
        pytest.param(Empty(evidence=EVIDENCE), False, WARN, id="empty"),
        pytest.param(NotCompared(evidence=EVIDENCE, reason="one mode"), False, WARN, id="not compared"),
        pytest.param(Incomparable(evidence=EVIDENCE, reason="a column"), False, WARN, id="incomparable"),
        pytest.param(NotExercised(evidence=EVIDENCE, reason="no row"), False, WARN, id="not exercised"),
        pytest.param(Skipped(evidence=EVIDENCE, reason="bf failed"), False, WARN, id="skipped"),
    ],
)
def test_only_a_pass_passes(verdict: Verdict, passed: bool, severity: dg.AssetCheckSeverity) -> None:
    """Inconclusive is a warning, and no pass either."""
    [found] = outcomes(PAIR, a_verdict_json(verdict))

    assert (found.passed, found.severity if not passed else severity) == (passed, severity)


@pytest.mark.parametrize(
    ("verdict", "touched", "exercised"),
    [
        pytest.param("IDENTICAL", 5, True, id="a pass was judged to be exercised"),
        pytest.param("DIFFERENT", 5, True, id="a difference, and rows that were touched"),
        pytest.param("DIFFERENT", 0, False, id="a difference that the mutation cannot have made"),
        pytest.param("NOT_EXERCISED", 5, False, id="touched, but without a trace"),
        pytest.param("SKIPPED", 5, False, id="not judged"),
    ],
)
def test_exercised_is_said_only_where_it_is_known(verdict: str, touched: int, exercised: bool) -> None:
    """A claim that nobody checked is not made."""
    comparison = a_comparison("bf", "mutate_recover", verdict=verdict, outcome="pass")

    _, found = outcomes(MUTATED, comparison, touched)

    assert (found.check, found.passed) == ("exercised", exercised)


def test_counts_are_numbers() -> None:
    """Dagster draws a plot over time of every number, and of nothing else."""
    shown = metadata.of_comparison(a_verdict_json(a_difference()))

    assert {name: shown[name].value for name in ("mismatches", "only_left", "rows_left", "rows_right", "bytes")} == {
        "mismatches": 10,
        "only_left": 1,
        "rows_left": 3,
        "rows_right": 4,
        "bytes": 0,
    }
    assert isinstance(shown["seconds"].value, float)


def test_differing_columns_and_samples_are_tables() -> None:
    """A reader sees what differs without leaving the page."""
    verdict = a_difference(
        columns=(ColumnDifference(name="gaps", mismatches=3, max_abs=2.0),),
        samples=(
            Sample(key={"day": "2013-01-02"}, column="gaps", left="1", right=None),
            Sample(key={"day": None}, column=None, left=None, right="{}"),
        ),
    )
    shown = metadata.of_comparison(a_verdict_json(verdict))

    assert records(shown["columns"]) == [{"column": "gaps", "mismatches": 3, "more": "max abs 2.0"}]
    assert records(shown["samples"]) == [
        {"key": "day=2013-01-02", "column": "gaps", "left": "1", "right": "NULL"},
        {"key": "day=NULL", "column": "(whole row)", "left": "(no row)", "right": "{}"},
    ]


def test_ignored_columns_and_warnings_are_shown_with_a_pass() -> None:
    """What was left out of a comparison belongs to its answer."""
    evidence = an_evidence(ignored={"version": "counts runs"}, warnings=("no row spans a boundary",))
    shown = metadata.of_comparison(a_verdict_json(Identical(evidence=evidence)))

    assert records(shown["ignored"]) == [{"column": "version", "reason": "counts runs"}]
    assert shown["warnings"].value == "no row spans a boundary"


def test_a_pair_that_is_not_checked_here_is_not_reported() -> None:
    """A run elsewhere may have compared what this declaration does not."""
    words = Vocabulary(a_small_pipeline())

    assert list(evaluation(words, a_comparison("bfd", "bftruncate"), "1" * 40)) == []


def records(value: Any) -> list[dict[str, Any]]:
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]
