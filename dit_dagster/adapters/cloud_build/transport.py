"""How the generated client reaches Google: by a session that sends a request once.

The client's own transport sends a request again, unasked, when the connection breaks. A build that was submitted twice
is paid for twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SECONDS = 60


class OnceOnly:
    """What the generated client takes for a transport, on Google's session for `requests`."""

    def __init__(self, credentials: Any) -> None:
        from google.auth.transport.requests import AuthorizedSession

        self._session: Any = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[Any, bytes]:
        """The answer, as that client knows it."""
        from httplib2 import Response

        answer = self._session.request(method, uri, data=body, headers=dict(headers or {}), timeout=_SECONDS)
        described = {name.lower(): value for name, value in answer.headers.items()}
        return Response({**described, "status": str(answer.status_code)}), answer.content

    def close(self) -> None:
        self._session.close()
