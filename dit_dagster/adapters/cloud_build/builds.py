"""Builds of Cloud Build, through Google's generated client and the service's own discovery document.

A build costs money, so a submission whose answer was lost is looked for by its tag, and never sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dit_dagster.errors import InfrastructureError, NotFound, Unreachable, UsageError
from dit_dagster.model.identity import BuildId

_OVER = frozenset({"SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"})
_RETRIES = 3
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeen:
    """One step, as the service has it. `code` is None until its program has ended."""

    status: str
    code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSeen:
    """A build, as the service has it now."""

    id: BuildId
    status: str
    steps: Mapping[str, StepSeen]
    detail: str = ""
    log: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether its status never changes: any other, known or not, is taken for active."""
        return self.status in _OVER


class CloudBuilds:
    """The builds of one project and region. `service` is the generated client of cloudbuild v1."""

    def __init__(self, service: Any, *, project: str, region: str, poll_seconds: float) -> None:
        self._builds = service.projects().locations().builds()
        self._parent = f"projects/{project}/locations/{region}"
        self._poll_seconds = poll_seconds

    def submit(self, request: Mapping[str, Any], mark: str) -> BuildId:
        """The id of the build, which is queued. `mark` is one of its tags, and of no other build's."""
        try:
            with api_errors("the build"):
                made = self._builds.create(parent=self._parent, body=dict(request)).execute()
                return BuildId(made["metadata"]["build"]["id"])
        except Unreachable as error:
            found = self._marked(mark)
            if found is None:
                raise InfrastructureError(f"{error}; no build with the tag {mark} was made") from error
            return found

    def _marked(self, mark: str) -> BuildId | None:
        with api_errors(f"builds with the tag {mark}"):
            asked = self._builds.list(parent=self._parent, filter=f'tags="{mark}"')
            found = asked.execute(num_retries=_RETRIES).get("builds", [])
        return BuildId(found[0]["id"]) if found else None

    def look(self, build: BuildId) -> BuildSeen:
        with api_errors(f"build {build}"):
            found = self._builds.get(name=f"{self._parent}/builds/{build}").execute(num_retries=_RETRIES)
        return _seen(found)

    def cancel(self, build: BuildId) -> bool:
        """Ask it to end; whether there was anything to end. Twice is no error."""
        if self.look(build).is_over:
            return False
        try:
            with api_errors(f"build {build}"):
                self._builds.cancel(name=f"{self._parent}/builds/{build}", body={}).execute(num_retries=_RETRIES)
        except InfrastructureError:
            if not self.look(build).is_over:
                raise
            return False
        return True

    def follow(
        self, build: BuildId, *, stopped: Callable[[], bool], told: Callable[[BuildSeen], None] = lambda _: None
    ) -> BuildSeen:
        """The build once it is over, or as it is when `stopped`: whoever asks for that decides what to do.

        An API that does not answer is asked for some minutes, then InfrastructureError: the build may go on.
        """
        heard = time.monotonic()
        while True:
            try:
                seen = self.look(build)
                heard = time.monotonic()
                told(seen)
                if seen.is_over or stopped():
                    return seen
            except Unreachable:
                if time.monotonic() - heard > _PATIENCE_SECONDS or stopped():
                    raise
            self._rest(stopped)

    def _rest(self, stopped: Callable[[], bool]) -> None:
        until = time.monotonic() + self._poll_seconds
        while not stopped() and (left := until - time.monotonic()) > 0:
            time.sleep(min(0.2, left))


def exit_code(seen: BuildSeen, step: str) -> int:
    """What `dit` ended with in `step` of a build that is over. Whatever is no verdict is 4; 0 needs all to be well."""
    judged = seen.steps.get(step)
    if judged is None or judged.code is None:
        return 4
    if seen.status == "SUCCESS":
        return 0 if (judged.status, judged.code) == ("SUCCESS", 0) else 4
    return judged.code if seen.status == "FAILURE" and judged.code in (1, 2, 3) else 4


def _seen(found: Mapping[str, Any]) -> BuildSeen:
    steps = found.get("steps", [])
    return BuildSeen(
        id=BuildId(found["id"]),
        status=found.get("status", "STATUS_UNKNOWN"),
        steps={one.get("id", str(number)): _step(one) for number, one in enumerate(steps)},
        detail=found.get("statusDetail", ""),
        log=found.get("logUrl"),
    )


def _step(found: Mapping[str, Any]) -> StepSeen:
    status = found.get("status", "STATUS_UNKNOWN")
    # The service leaves out zeros: a step that succeeded ended with 0.
    return StepSeen(status=status, code=found.get("exitCode", 0 if status == "SUCCESS" else None))


@contextmanager
def api_errors(what: str) -> Iterator[None]:
    """The client's errors as ours, saying what they are about."""
    import httplib2
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import Error, HttpError

    try:
        yield
    except HttpError as error:
        code, said = int(error.status_code), error.reason
        if code == 404:
            raise NotFound(f"Google has no {what}; check its id, DIT_PROJECT and DIT_BUILD_REGION") from error
        if code in (429, 500, 502, 503, 504):
            raise Unreachable(f"Google did not answer about {what}: {code} {said}; try again") from error
        if code == 400:
            raise UsageError(f"Google refused {what}: {said}") from error
        raise InfrastructureError(f"Google refused {what}: {code} {said}") from error
    except GoogleAuthError as error:
        raise InfrastructureError(
            f"no credentials for {what}: {error}; 'gcloud auth application-default login'"
        ) from error
    except (OSError, httplib2.HttpLib2Error) as error:
        raise Unreachable(f"Google did not answer about {what}: {error}; try again") from error
    except Error as error:
        raise InfrastructureError(f"Google: {what}: {error}") from error
