"""The run's report as JSON: what `--json` writes, the registry keeps, and every view of a run reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dit_dagster.model.crossing import Against
from dit_dagster.model.golden import LABEL
from dit_dagster.model.identity import Fingerprint
from dit_dagster.model.origin import origin_json
from dit_dagster.model.outcome import Failed, PhaseOutcome, Ran, outcome_name, record_of
from dit_dagster.model.placement import runner_of
from dit_dagster.model.verdict import Cost, Expectation
from dit_dagster.model.verdict_json import crossing_json, plain
from dit_dagster.planning.decision import Decision, NotNeeded, Reuse, Run
from dit_dagster.planning.plan import NoPair, PlannedMode
from dit_dagster.running.run import Prospect, Report


def report_json(report: Report) -> dict[str, Any]:
    """Everything a reader or a program may want to know of a run. The names are public."""
    prospect = report.prospect
    return {
        "run_id": report.run_id,
        **_header(prospect),
        "outcome": report.outcome.value,
        "invocations": {
            "naive": prospect.plan.naive_invocations,
            "planned": len(prospect.plan.nodes),
            "executed": len(report.executed),
            "reused": len(report.reused),
        },
        "source_days": {
            "naive": prospect.plan.naive_source_days,
            "executed": sum(prospect.plan.nodes[name].window.days for name in report.executed),
        },
        "peak_parallel": report.peak_parallel,
        "seconds": round(report.seconds, 3),
        "stopped_by_signal": report.signal,
        "modes": [_mode(mode, prospect, report.outcomes) for mode in prospect.plan.modes],
        "comparisons": [dict(comparison.json) for comparison in report.comparisons],
        "classes": classes(report),
        **({"against": against_json(report.against)} if report.against is not None else {}),
        "cost": _cost(report),
        "remembered": sum(comparison.remembered for comparison in report.comparisons),
    }


def against_json(found: Against) -> dict[str, Any]:
    """What the commit changes against another; `reason` says why nothing is known. It is reported, and never fails."""
    return {
        "commit": str(found.commit),
        "reason": found.reason,
        "comparisons": [crossing_json(one, Expectation.REPORT_ONLY) for one in found.crossings],
    }


def prospect_json(prospect: Prospect) -> dict[str, Any]:
    """What `dit explain` prints: the same phases, fingerprints and decisions that the run will report."""
    runs = [name for name, decided in prospect.decisions.items() if isinstance(decided, Run)]
    reuses = [name for name, decided in prospect.decisions.items() if isinstance(decided, Reuse)]
    return {
        **_header(prospect),
        "invocations": {
            "naive": prospect.plan.naive_invocations,
            "planned": len(prospect.plan.nodes),
            "to_execute": len(runs),
            "to_reuse": len(reuses),
        },
        "source_days": {
            "naive": prospect.plan.naive_source_days,
            "to_execute": sum(prospect.plan.nodes[name].window.days for name in runs),
        },
        "modes": [_mode(mode, prospect, None) for mode in prospect.plan.modes],
        "comparisons": [
            {
                "output": pair.output,
                "left": pair.left,
                "right": pair.right,
                "reason": pair.reason if isinstance(pair, NoPair) else "",
            }
            for pair in prospect.plan.pairs
        ],
    }


def _cost(report: Report) -> dict[str, Any]:
    """What the run's own comparisons read. A remembered verdict was paid for by the run that made it."""
    paid = [
        comparison.json["detail"]["evidence"]["cost"] for comparison in report.comparisons if not comparison.remembered
    ]
    crossed = report.against.crossings if report.against is not None else ()
    across = (one.verdict.evidence.cost for one in crossed)
    total: dict[str, Any] = plain(sum((*(Cost(**cost) for cost in paid), *across), Cost()))
    return total


def classes(report: Report) -> dict[str, list[list[str]]]:
    """For each output, the modes that are identical to one another. Only IDENTICAL is transitive."""
    found: dict[str, list[list[str]]] = {}
    for comparison in report.comparisons:
        if comparison.left == LABEL:
            continue  # not a mode: the classes are of this run's
        groups = found.setdefault(comparison.output, [])
        left, right = (_group_of(mode, groups) for mode in (comparison.left, comparison.right))
        if comparison.verdict == "IDENTICAL" and left is not right:
            left.extend(right)
            groups.remove(right)
    return found


def _group_of(mode: str, groups: list[list[str]]) -> list[str]:
    """The group that the mode is in; one of its own if it is in none."""
    own = next((group for group in groups if mode in group), None)
    if own is None:
        own = [mode]
        groups.append(own)
    return own


def _header(prospect: Prospect) -> dict[str, Any]:
    request = prospect.plan.request
    return {
        "pipeline": request.pipeline.name,
        "commit": str(request.commit),
        "tree": str(prospect.plan.code.tree),
        "environment": prospect.plan.code.environment,
        "runner": runner_of(request.pipeline),
        **({"image": str(prospect.plan.code.image)} if prospect.plan.code.image is not None else {}),
        "origin": origin_json(request.origin),
        "selection": request.selection.to_json(),
        "code_paths": list(request.pipeline.code.paths),
        "experiment_id": str(request.experiment),
        "window": [request.window.start.isoformat(), request.window.end.isoformat()],
        "tail": request.tail,
        "lookback": request.lookback,
        "sources": {name: identity.to_json() for name, identity in prospect.plan.sources.items()},
    }


def _mode(mode: PlannedMode, prospect: Prospect, outcomes: Mapping[Fingerprint, PhaseOutcome] | None) -> dict[str, Any]:
    phases = [_phase(name, prospect, outcomes) for name in mode.path]
    described: dict[str, Any] = {"mode": mode.name, "selected": mode.selected, "phases": phases}
    if outcomes is not None:
        described["outcome"] = _mode_outcome(mode, outcomes)
    return described


def _mode_outcome(mode: PlannedMode, outcomes: Mapping[Fingerprint, PhaseOutcome]) -> str:
    """`ran` if any phase did, else `reused`; otherwise the first thing that went wrong."""
    names = [outcome_name(outcomes[name]) for name in mode.path if name in outcomes]
    wrong = [name for name in names if name not in ("ran", "reused", "not needed")]
    return wrong[0] if wrong else "ran" if "ran" in names else "reused"


def _phase(
    name: Fingerprint, prospect: Prospect, outcomes: Mapping[Fingerprint, PhaseOutcome] | None
) -> dict[str, Any]:
    node = prospect.plan.nodes[name]
    described: dict[str, Any] = {
        "fingerprint": str(name),
        "start": node.window.start.isoformat(),
        "end": node.window.end.isoformat(),
        "mutation": [str(recipe["kind"]) for recipe in node.inputs.mutation],
        **_decision(prospect.decisions[name]),
    }
    if outcomes is None and name in prospect.estimates:
        described["estimate"] = asdict(prospect.estimates[name])
    if outcomes is not None and name in outcomes:
        described |= _outcome(outcomes[name])
    return described


def _decision(decided: Decision) -> dict[str, Any]:
    match decided:
        case Run():
            return {"decision": "run", "reasons": [str(reason) for reason in decided.reasons]}
        case Reuse():
            return {"decision": "reuse", "reasons": [f"committed by run {decided.record.run_id}"]}
        case NotNeeded():
            return {"decision": "not needed", "reasons": ["nothing that will run starts from it"]}


def _outcome(outcome: PhaseOutcome) -> dict[str, Any]:
    seconds = round(outcome.seconds, 3) if isinstance(outcome, (Ran, Failed)) else 0.0
    record = record_of(outcome)
    empty = {"empty": list(record.empty)} if record is not None and record.empty else {}
    images = {"images": list(record.images)} if record is not None and record.images else {}
    error = {"error": outcome.error, "log": outcome.log} if isinstance(outcome, Failed) else {}
    return {"outcome": outcome_name(outcome), "seconds": seconds, **error, **empty, **images}
