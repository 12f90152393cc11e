"""The environment variables of a step: a few are fixed, a closed list is passed on, and all else is declared.

A state is reused because its inputs are the same, so nothing that a program reads may come from whoever starts the
run unless it is in the key. What can change data is therefore the same everywhere (`FIXED`, and a HOME and a TMPDIR
that only the phase has); what a step declares is in the key; and what leads to a service but does not change what the
service holds is passed on without being in the key (`PASSED_ON`). docs/identity.md says so of each thing that a
program can read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are found that the commit's environment does not have. A step that needs another declares PATH."""

FIXED: Mapping[str, str] = {
    "TZ": "UTC",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PATH": SYSTEM_PATH,
    "PYTHONNOUSERSITE": "1",
}
"""What every step's process starts from, whoever starts it. A container has what its image says instead."""

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
TRACE_CONTEXT = ("TRACEPARENT", "TRACESTATE")
PASSED_ON = (*PROXIES, *(name.lower() for name in PROXIES), *CERTIFICATES, *TRACE_CONTEXT)
"""What a step's process inherits and no key holds: the way to a service, and never what the service holds."""

_CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
_CLOUD = (_CREDENTIALS, "GOOGLE_CLOUD_PROJECT")
_LOGIN = "application_default_credentials.json"


def passed_on(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The part of a caller's environment that every step's process inherits."""
    return {name: environment[name] for name in PASSED_ON if name in environment}


def google_access(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The project and the credentials of a caller's environment, the credentials as a file.

    `gcloud auth application-default login` keeps them below HOME, which a step does not share with the caller.
    Where there is no file, a client asks the machine's metadata server, which needs no variable.
    """
    found = {name: environment[name] for name in _CLOUD if environment.get(name)}
    login = _gcloud_folder(environment) / _LOGIN
    return found if _CREDENTIALS in found or not login.is_file() else {**found, _CREDENTIALS: str(login)}


def _gcloud_folder(environment: Mapping[str, str]) -> Path:
    """Where gcloud keeps what it knows of its user."""
    named = environment.get("CLOUDSDK_CONFIG")
    return Path(named) if named else Path(environment.get("HOME") or Path.home()) / ".config" / "gcloud"


def own_folders(scratch: Path | None) -> Mapping[str, str]:
    """HOME and TMPDIR within the phase's own folder, where another phase finds nothing; none without a folder."""
    return {"HOME": str(scratch), "TMPDIR": str(scratch)} if scratch is not None else {}
