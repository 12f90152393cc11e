"""The checks of a mode: one step judges every output against its reference.

A failed check alone leaves a Dagster run green. So each step yields its results first, which records them, and then
fails, which makes the run fail and a command line exit with 1.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as objects.

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from dit_dagster.defs.evaluations import CheckOutcome, outcomes
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.steps import close_if_complete, joined, kept
from dit_dagster.defs.vocabulary import CheckedPair, Vocabulary
from dit_dagster.evidence.pages import keep_comparison_page
from dit_dagster.model.golden import LABEL
from dit_dagster.planning.plan import AnyPair, NoPair, Plan
from dit_dagster.running.run import Prospect, judge
from dit_dagster.running.shared_run import progress, rows_touched
from dit_dagster.running.workplace import Workplace

CheckEvent = dg.AssetCheckResult | dg.AssetCheckEvaluation | dg.AssetMaterialization


def mode_checks(words: Vocabulary, mode: str) -> dg.AssetChecksDefinition:
    """Every check on a mode's outputs, as one step. The mode must have something to be compared with."""
    pairs = words.checked(mode)

    @dg.multi_asset_check(
        name=words.checks_op(mode),
        specs=[spec for pair in pairs for spec in _specs(words, pair)],
        can_subset=True,
        op_tags={"dit/step": "checks"},
    )
    def judge_mode(context: dg.AssetCheckExecutionContext, dit: Workbench) -> Iterator[CheckEvent]:
        wanted = context.op_execution_context.selected_asset_check_keys
        with dit.workplace(words.pipeline) as place:
            ahead = joined(words, context, place)
            found = _judged(words, context, place, ahead, mode)
            yield from close_if_complete(words, context, place, ahead)
        told = {
            dg.AssetCheckKey(words.output(mode, output), one.check): one
            for output, results in found.items()
            for one in results
        }
        yield from (_result(key, one) for key, one in told.items() if key in wanted)
        _fail_unless_passed({key: one for key, one in told.items() if key in wanted})

    return judge_mode


def _specs(words: Vocabulary, pair: CheckedPair) -> Iterator[dg.AssetCheckSpec]:
    asset = words.output(pair.mode, pair.output)
    beside = [] if pair.reference == LABEL else [words.output(pair.reference, pair.output)]
    for name in pair.checks:
        with warnings.catch_warnings():
            # Partitioned checks are in preview: our pin on Dagster's minor version is what makes them safe to use.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            spec = dg.AssetCheckSpec(
                name,
                asset=asset,
                additional_deps=beside,
                partitions_def=words.commits,
                description=_described(pair, name),
            )
        yield spec


def _described(pair: CheckedPair, name: str) -> str:
    if name == pair.exercise:
        return f"The damaged input of {pair.mode} reached its phases and left its mark on {pair.output}."
    if pair.reference == LABEL:
        return f"{pair.output} holds the same rows as the golden state, under the declared policy."
    return f"{pair.output} holds the same rows in {pair.mode} as in {pair.reference}, under the declared policy."


def _judged(
    words: Vocabulary, context: dg.AssetCheckExecutionContext, place: Workplace, ahead: Prospect, mode: str
) -> dict[str, tuple[CheckOutcome, ...]]:
    """The outcomes of the mode's checks, per output."""
    so_far = progress(ahead, place, context.run.run_id)
    checked = {pair.output: pair for pair in words.checked(mode)}
    comparisons = judge(
        ahead, place, context.run.run_id, so_far.outcomes, pairs_of(ahead.plan, tuple(checked.values()))
    )
    touched = rows_touched(ahead.plan, mode, so_far.outcomes)
    return {
        one.output: outcomes(checked[one.output], one.json, touched, _page(context, place, one.json))
        for one in comparisons
    }


def _page(context: dg.AssetCheckExecutionContext, place: Workplace, comparison: Mapping[str, Any]) -> Path | None:
    """The pair's page, which is there when its check is seen; the run's own may still be to come."""
    return kept(context, lambda: keep_comparison_page(place.reports, context.run.run_id, comparison))


def pairs_of(plan: Plan, checked: Sequence[CheckedPair]) -> tuple[AnyPair, ...]:
    """The plan's own pair for each that is checked; a pair that was not planned was not run, which is an answer too."""
    planned = {(pair.output, pair.left, pair.right): pair for pair in plan.pairs}
    return tuple(planned.get((pair.output, pair.reference, pair.mode)) or _unplanned(plan, pair) for pair in checked)


def _unplanned(plan: Plan, pair: CheckedPair) -> NoPair:
    modes = ", ".join(plan.request.modes)
    reason = f"{pair.mode} and {pair.reference} were not both run on the latest pin of this commit, only {modes}"
    return NoPair(output=pair.output, left=pair.reference, right=pair.mode, reason=reason)


def _result(key: dg.AssetCheckKey, outcome: CheckOutcome) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=outcome.passed,
        severity=outcome.severity,
        description=outcome.description,
        metadata=outcome.metadata,
    )


def _fail_unless_passed(told: Mapping[dg.AssetCheckKey, CheckOutcome]) -> None:
    wrong = [f"{key.asset_key.path[-1]} {key.name}: {one.description}" for key, one in told.items() if not one.passed]
    if wrong:
        raise dg.Failure(description="; ".join(wrong), allow_retries=False)
