"""A bisection as JSON."""

from __future__ import annotations

from typing import Any, assert_never

from dit_dagster.planning.bisection import Found, Hidden
from dit_dagster.running.bisecting import Bisection, NotTurned


def bisection_json(pipeline: str, bisection: Bisection) -> dict[str, Any]:
    """What `dit bisect --json` writes. `first_bad` is null unless it was found; `suspects` hide it if not."""
    answer = bisection.answer
    first_bad, suspects, reason = None, [], ""
    match answer:
        case Found():
            first_bad = str(answer.commit)
        case Hidden():
            suspects = [str(one) for one in answer.suspects]
            reason = f"{len(suspects)} commits are left that could not be told apart"
        case NotTurned():
            reason = answer.reason
        case _:
            assert_never(answer)
    return {
        "pipeline": pipeline,
        "first_bad": first_bad,
        "suspects": suspects,
        "reason": reason,
        "experiments": bisection.experiments,
        "looks": [
            {
                "commit": str(look.commit),
                "subject": look.subject,
                "turn": look.turn.value,
                "verdict": look.verdict,
                "reason": look.reason,
                "run_id": look.run_id,
                "executed": look.executed,
            }
            for look in bisection.looks
        ],
    }
