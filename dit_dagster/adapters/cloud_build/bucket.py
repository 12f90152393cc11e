"""The bucket that builds take their sources from."""

from __future__ import annotations

import hashlib
from typing import Any

from dit_dagster.adapters.cloud_build.requests import StoredSource
from dit_dagster.errors import InfrastructureError

_FOLDER = "dit-sources"
_SECONDS = 120


class SourceBucket:
    """A bucket through Google's client. An object is named by what it holds, and sent once."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, archive: bytes) -> StoredSource:
        """Where an archive is kept, which is sent unless it is there. InfrastructureError if it cannot be."""
        from google.api_core.exceptions import GoogleAPIError, PreconditionFailed
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException

        name = f"{_FOLDER}/{hashlib.sha256(archive).hexdigest()}.tar.gz"
        blob = self._client.bucket(self._name).blob(name)
        try:
            try:
                blob.upload_from_string(
                    archive, content_type="application/gzip", if_generation_match=0, timeout=_SECONDS
                )
            except PreconditionFailed:  # it is there
                blob.reload(timeout=_SECONDS)
        except (GoogleAPIError, GoogleAuthError, RequestException) as error:
            raise InfrastructureError(
                f"the source could not be sent to gs://{self._name}: {error}; check DIT_BUILD_BUCKET, and that this "
                "identity may create and read objects there"
            ) from error
        return StoredSource(bucket=self._name, name=name, generation=int(blob.generation))
