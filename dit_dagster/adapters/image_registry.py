"""Registries of images, asked without an engine: the digest of a tag, and an image's labels.

The OCI distribution API (https://github.com/opencontainers/distribution-spec/blob/main/spec.md): a HEAD or GET of a
manifest, after a token from where the registry says, if it says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from dit_dagster.errors import InfrastructureError
from dit_dagster.model.identity import ImageDigest, ImageName

_MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
_GOOGLES = re.compile(r"(?:[a-z0-9-]+\.)?(?:gcr\.io|pkg\.dev)")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d+)?")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_HUB, _HUBS_API = "docker.io", "registry-1.docker.io"
_SECONDS = 30


class ImageRegistry:
    """Any registry. `token` gives an access token for Google's, and is asked for theirs alone."""

    def __init__(self, token: Callable[[], str | None]) -> None:
        self._token = token

    def digest(self, reference: str) -> ImageDigest | None:
        """What a tag stands for. None only if the registry says that it has none; InfrastructureError otherwise."""
        answer = self._manifest(reference, head=True)
        if answer is None:
            return None
        digest = answer.headers.get("Docker-Content-Digest")
        if digest is None:
            raise InfrastructureError(f"the registry of {reference} gives no digest; name the image by its digest")
        return ImageDigest(digest)

    def labels(self, name: ImageName, digest: ImageDigest) -> Mapping[str, str]:
        """What an image that is there says of itself."""
        exact = f"{name.rpartition(':')[0]}@{digest}"
        answer = self._manifest(exact, head=False)
        config = answer.json().get("config", {}).get("digest") if answer is not None else None
        if config is None:
            raise InfrastructureError(f"the registry does not say what {exact} is; build it again under another name")
        blob = self._asked(exact, f"blobs/{ImageDigest(config)}", head=False)
        found: Mapping[str, str] | None = blob.json().get("config", {}).get("Labels") if blob is not None else None
        return found or {}

    def _manifest(self, reference: str, *, head: bool) -> requests.Response | None:
        _, _, digest = reference.partition("@")
        _, tag = _parsed(reference)
        return self._asked(reference, f"manifests/{digest or tag}", head=head)

    def _asked(self, reference: str, path: str, *, head: bool) -> requests.Response | None:
        repository, _ = _parsed(reference)
        host, name = _place(repository)
        scheme = "http" if _LOOPBACK.fullmatch(host) else "https"
        headers = {"Accept": _MANIFESTS, **self._authorized(host)}
        method = "HEAD" if head else "GET"
        try:
            url = f"{scheme}://{host}/v2/{name}/{path}"
            answer = requests.request(method, url, headers=headers, timeout=_SECONDS)
            if answer.status_code == 401 and "Authorization" not in headers:
                headers |= _anonymous(answer, name)
                answer = requests.request(method, url, headers=headers, timeout=_SECONDS)
        except (requests.RequestException, ValueError) as error:
            raise InfrastructureError(f"the registry of {reference} does not answer: {error}; try again") from error
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise InfrastructureError(
                f"the registry of {reference} answers {answer.status_code}, so whether it has the image is not known; "
                "check that this identity may read there"
            )
        return answer

    def _authorized(self, host: str) -> Mapping[str, str]:
        token = self._token() if _GOOGLES.fullmatch(host) else None
        return {"Authorization": f"Bearer {token}"} if token is not None else {}


def _anonymous(answer: requests.Response, name: str) -> Mapping[str, str]:
    """A token for anybody, from where the registry says."""
    said = dict(_CHALLENGE.findall(answer.headers.get("WWW-Authenticate", "")))
    realm = said.get("realm", "")
    if urlsplit(realm).scheme != "https":
        return {}
    asked = {"scope": f"repository:{name}:pull"} | ({"service": said["service"]} if "service" in said else {})
    given: Any = requests.get(realm, params=asked, timeout=_SECONDS).json()
    token = given.get("token") or given.get("access_token")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _parsed(reference: str) -> tuple[str, str]:
    """Repository and tag."""
    bare = reference.partition("@")[0]
    repository, colon, tag = bare.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (bare, "latest")


def _place(repository: str) -> tuple[str, str]:
    """Host and name; a name without a host is of the Docker Hub."""
    first, slash, rest = repository.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host, name = first, rest
    else:
        host, name = _HUB, repository
    if host != _HUB:
        return host, name
    return _HUBS_API, name if "/" in name else f"library/{name}"
