"""A pass is held against what was counted on the way to it: where the two disagree, the verdict is ERROR.

Every rule here follows from what a verdict means, so none ever applies while the comparison is right. They are there
for the day on which it is not: a fault is then an error that names itself, and no pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dit_dagster.model.verdict import (
    Equivalent,
    Error,
    Evidence,
    ExpectedDifference,
    Explanation,
    Identical,
    Verdict,
)


def cross_checked(
    verdict: Verdict, *, found: Sequence[int] | None = None, digested: Sequence[int] | None = None
) -> Verdict:
    """`verdict`, or ERROR if it is a pass that its own evidence or explanation contradicts.

    `found` are the sums of the hashes of the rows that differ, left less right, and `digested` those by which the
    digests differ; None where they are not known.
    """
    reasons = list(_contradictions(verdict))
    if isinstance(verdict, Equivalent | ExpectedDifference) and None not in (found, digested) and found != digested:
        reasons.append("the rows that were found to differ are not those by which the digests differ")
    if not reasons:
        return verdict
    reason = f"{_name(verdict)} was found, but {'; '.join(reasons)}. {_REMEDY}"
    return Error(evidence=verdict.evidence, reason=reason)


_REMEDY = (
    "Either a table changed while it was compared or after its digest was stored, or this is a fault of the "
    "comparison: compare again with --exact, and report it if this comes back"
)


def _name(verdict: Verdict) -> str:
    return type(verdict).__name__.lower().replace("difference", " difference")


def _contradictions(verdict: Verdict) -> Iterator[str]:
    match verdict:
        case Identical(evidence=evidence):
            yield from _unequal_sides(evidence)
        case Equivalent(evidence=evidence, explanation=told):
            yield from _unequal_rows(evidence)
            yield from _beyond_tolerance(told)
            yield from _near_pairs(told)
        case ExpectedDifference(evidence=evidence, explanation=told):
            yield from _unannounced(evidence, told)
            yield from _rows_that_do_not_add_up(evidence, told)
            yield from _changed_pairs(told)
            yield from _near_pairs(told)
        case _:
            return


def _unequal_rows(evidence: Evidence) -> Iterator[str]:
    left, right = evidence.left.rows, evidence.right.rows
    if left is not None and right is not None and left != right:
        yield f"{evidence.left.label} has {left:,} rows and {evidence.right.label} has {right:,}"


def _unequal_sides(evidence: Evidence) -> Iterator[str]:
    yield from _unequal_rows(evidence)
    left, right = evidence.left.duplicate_keys, evidence.right.duplicate_keys
    if left is not None and right is not None and left != right:
        yield f"{left:,} rows of {evidence.left.label} repeat a key, and {right:,} of {evidence.right.label}"


def _beyond_tolerance(told: Explanation) -> Iterator[str]:
    counted = {
        "only on the left": told.only_left,
        "only on the right": told.only_right,
        "changed": told.changed,
        "in surplus": told.multiplicity,
    }
    yield from (f"{rows:,} rows are {what}" for what, rows in counted.items() if rows)
    for column in told.columns:
        if column.mismatches:
            yield f"{column.mismatches:,} values of {column.name} differ beyond its tolerance"
        elif column.null_on_one_side:
            yield f"{column.null_on_one_side:,} values of {column.name} are NULL on one side only"


def _near_pairs(told: Explanation) -> Iterator[str]:
    """Each pair within the tolerances has at least one value that differs."""
    values = sum(column.within_tolerance for column in told.columns)
    if values < told.within_tolerance:
        yield f"only {values:,} values differ in the {told.within_tolerance:,} pairs of rows that differ"


def _unannounced(evidence: Evidence, told: Explanation) -> Iterator[str]:
    beyond = told.only_left + told.only_right + told.changed + told.multiplicity
    declared = evidence.policy.expected_diff.rows if evidence.policy.expected_diff else 0
    if beyond != declared:
        yield f"{beyond:,} rows differ and {declared:,} were announced"


def _rows_that_do_not_add_up(evidence: Evidence, told: Explanation) -> Iterator[str]:
    left, right = evidence.left.rows, evidence.right.rows
    more = told.only_left - told.only_right + 2 * told.multiplicity_left - told.multiplicity
    if left is not None and right is not None and left - right != more:
        yield f"{evidence.left.label} has {left - right:+,} rows more, of which the explanation accounts for {more:+,}"


def _changed_pairs(told: Explanation) -> Iterator[str]:
    values = sum(column.mismatches for column in told.columns)
    if bool(values) != bool(told.changed) or values < told.changed:
        yield f"{told.changed:,} pairs of rows changed, and {values:,} values"
