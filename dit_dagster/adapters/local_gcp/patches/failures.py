"""An unexpected failure is said once, not retried for ten minutes.

BigQuery: 5xx means "try again", and its clients do, for up to ten minutes.
Emulator: answers any exception that it did not foresee with 500, and hides its text.
Here: such a failure is answered with 501 notImplemented, which no client retries, and with its text. Failing copy and
extract jobs end DONE with an error, as query and load jobs do.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap


def apply() -> None:
    """Replace the last resort of the web framework; give copy and extract jobs an end."""
    from bqemulator.api import app, errors
    from bqemulator.jobs import executor

    assert app  # noqa: S101 - loaded, so that its copy of the name is rebound too
    wrap(errors, "install_exception_handlers", _without_retries)
    wrap(executor, "execute_extract_job", lambda original: _ended(original, "EXTRACT"))
    wrap(executor, "execute_copy_job", lambda original: _ended(original, "COPY"))


PATCH = Patch(name="failures", apply=apply)


def _without_retries(original: Any) -> Any:
    def install(application: Any) -> None:
        from starlette.responses import JSONResponse

        original(application)

        async def unforeseen(_request: Any, error: Exception) -> Any:
            described = _described(error)
            return JSONResponse(status_code=described.http_status, content=described.to_bigquery_error())

        application.add_exception_handler(Exception, unforeseen)

    return install


def _described(error: Exception) -> Any:
    from bqemulator.domain.errors import UnsupportedFeatureError

    return UnsupportedFeatureError(f"the local cloud failed: {type(error).__name__}: {error}")


def _ended(original: Any, kind: str) -> Any:
    async def execute(project: str, job: str, config: dict[str, Any], ctx: Any) -> Any:
        from bqemulator.api.routes.jobs import _domain_error_to_error_result, _failed_job_meta
        from bqemulator.domain.errors import DomainError

        try:
            return await original(project, job, config, ctx)
        except DomainError as error:
            reason = _domain_error_to_error_result(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's outcome
            reason = {"reason": "invalid", "message": str(error)}
        return _failed_job_meta(
            project_id=project, job_id=job, job_type=kind, config=config, error_result=reason, now=ctx.clock.now()
        )

    return execute
