"""The clients of Google's APIs that builds need, made when they are asked for: their imports cost a second."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dit_dagster.adapters.cloud_build.bucket import SourceBucket
from dit_dagster.adapters.cloud_build.builds import CloudBuilds, api_errors
from dit_dagster.adapters.cloud_build.identity import Identity, Purpose, whoami

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_POLL_SECONDS, _LOCAL_POLL_SECONDS = 5.0, 0.2


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Google's APIs for one project; or what stands in for them at `address`, which asks for no credentials."""

    project: str
    region: str
    address: str | None = None

    @cached_property
    def credentials(self) -> Any:
        """Application default credentials. InfrastructureError without any."""
        import google.auth
        from google.auth.credentials import AnonymousCredentials

        if self.address is not None and self.address.startswith("http://"):
            return AnonymousCredentials()  # type: ignore[no-untyped-call]
        with api_errors("Google's APIs"):
            return google.auth.default(scopes=_SCOPES)[0]

    def token(self) -> str | None:
        """An access token, for registries of images that are Google's."""
        from google.auth.transport.requests import Request

        if self.address is not None:
            return None
        with api_errors("Google's registries"):
            if not self.credentials.valid:
                self.credentials.refresh(Request())
        return str(self.credentials.token)

    def builds(self) -> CloudBuilds:
        poll = _POLL_SECONDS if self.address is None else _LOCAL_POLL_SECONDS
        return CloudBuilds(
            self._service("cloudbuild", "v1"), project=self.project, region=self.region, poll_seconds=poll
        )

    def bucket(self, name: str) -> SourceBucket:
        from google.cloud.storage import Client

        options = {"api_endpoint": self.address} if self.address is not None else None
        return SourceBucket(Client(project=self.project, credentials=self.credentials, client_options=options), name)

    def whoami(self, purpose: Purpose) -> Identity:
        """Who we are, and what of `purpose` is not granted."""
        service = self._service("cloudresourcemanager", "v1")
        return whoami(service, self.credentials, project=self.project, purpose=purpose)

    def _service(self, name: str, version: str) -> Any:
        from googleapiclient.discovery import build

        from dit_dagster.adapters.cloud_build.transport import OnceOnly

        options = {"api_endpoint": self.address} if self.address is not None else None
        transport = OnceOnly(self.credentials)
        return build(name, version, http=transport, client_options=options, static_discovery=True)
