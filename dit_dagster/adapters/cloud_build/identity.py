"""Who we are to Google, and whether that may do what is about to be paid for: asked before it costs anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dit_dagster.adapters.cloud_build.builds import api_errors

Purpose = Literal["submit", "run"]
_ON_THE_PROJECT: dict[Purpose, tuple[str, ...]] = {
    "submit": ("cloudbuild.builds.create", "cloudbuild.builds.get", "cloudbuild.builds.update"),
    "run": ("bigquery.jobs.create",),
}
"""What must be granted on the project itself. Tables may be granted dataset by dataset, so they are not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks, and which of the permissions that a purpose needs are not granted."""

    account: str
    missing: tuple[str, ...]


def whoami(service: Any, credentials: Any, *, project: str, purpose: Purpose) -> Identity:
    """Ask what is granted. InfrastructureError if that cannot be told: nothing should be paid for then.

    `service` is the generated client of cloudresourcemanager v1, whose question needs no permission.
    """
    wanted = list(_ON_THE_PROJECT[purpose])
    with api_errors(f"the permissions on project {project}"):
        asked = service.projects().testIamPermissions(resource=project, body={"permissions": wanted})
        granted: Sequence[str] = asked.execute(num_retries=2).get("permissions", [])
    return Identity(account=_account(credentials), missing=tuple(one for one in wanted if one not in granted))


def _account(credentials: Any) -> str:
    """As the credentials know it, now that they were used."""
    names = (getattr(credentials, one, None) for one in ("service_account_email", "account", "signer_email"))
    return next((str(name) for name in names if name), "an identity that its credentials do not name")
