"""Jobs that ended badly, in the shape that Google's clients read."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def failed_query(project: str, job: str, config: dict[str, Any], error: Any, now: datetime) -> Any:
    """A query job that is DONE with `error`, one of the emulator's own domain errors."""
    from bqemulator.api.routes.jobs import _domain_error_to_error_result, _failed_job_meta

    result = _domain_error_to_error_result(error)
    return _failed_job_meta(
        project_id=project, job_id=job, job_type="QUERY", config=config, error_result=result, now=now
    )
