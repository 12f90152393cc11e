"""From the verdict on a pair to the results of the checks that speak of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from dit_dagster.defs import metadata
from dit_dagster.defs.vocabulary import CheckedPair, Vocabulary

_EQUAL = ("IDENTICAL", "EQUIVALENT", "EXPECTED_DIFFERENCE")
_DIFFERENT = ("DIFFERENT", "NON_DETERMINISTIC", "INCOMPLETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """One check's result, before it is said in Dagster's words."""

    check: str
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: metadata.Metadata


def outcomes(
    pair: CheckedPair, comparison: Mapping[str, Any], touched: int = 0, page: Path | None = None
) -> tuple[CheckOutcome, ...]:
    """The checks of a pair, from its comparison as JSON.

    `touched` is how many rows the mode's mutations changed, `page` where the comparison's page is.
    """
    found = [_equality(pair, comparison, page)]
    if pair.exercise is not None:
        found.append(_exercise(pair.exercise, comparison, touched))
    return tuple(found)


def _equality(pair: CheckedPair, comparison: Mapping[str, Any], page: Path | None) -> CheckOutcome:
    """Passes if and only if the verdict does. What is merely inconclusive is a warning, and does not pass either."""
    inconclusive = comparison["outcome"] == "inconclusive"
    reason = comparison["reason"]
    return CheckOutcome(
        check=pair.equality,
        passed=comparison["passed"] is True,
        severity=dg.AssetCheckSeverity.WARN if inconclusive else dg.AssetCheckSeverity.ERROR,
        description=comparison["verdict"] + (f": {reason}" if reason else ""),
        metadata=metadata.of_comparison(comparison, page),
    )


def _exercise(check: str, comparison: Mapping[str, Any], touched: int) -> CheckOutcome:
    """Passes only if the mode's mutations are known to have changed rows that its phases read."""
    verdict = comparison["verdict"]
    passed = verdict in _EQUAL or (verdict in _DIFFERENT and touched > 0)
    why = comparison["reason"] if verdict == "NOT_EXERCISED" else "" if passed else f"not known: {verdict}"
    return CheckOutcome(
        check=check,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=why or "the damaged input reached the mode's phases",
        metadata={"verdict": dg.MetadataValue.text(verdict), "rows_touched": dg.MetadataValue.int(touched)},
    )


def evaluation(words: Vocabulary, comparison: Mapping[str, Any], commit: str) -> Iterator[dg.AssetCheckEvaluation]:
    """What to report of a comparison that no check of this instance made: of a run elsewhere, or of a failed side."""
    pair = checked_pair(words, comparison)
    if pair is None:
        return
    for outcome in outcomes(pair, comparison):
        yield dg.AssetCheckEvaluation(
            asset_key=words.output(pair.mode, pair.output),
            check_name=outcome.check,
            passed=outcome.passed,
            severity=outcome.severity,
            description=outcome.description,
            metadata=outcome.metadata,
            partition=commit,
        )


def checked_pair(words: Vocabulary, comparison: Mapping[str, Any]) -> CheckedPair | None:
    """The pair as this pipeline declares it now; None if it checks no such pair (any more)."""
    for pair in words.checked_pairs():
        if (pair.output, pair.reference, pair.mode) == (comparison["output"], comparison["left"], comparison["right"]):
            return pair
    return None
