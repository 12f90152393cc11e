"""What a local cloud is: its addresses, its state, and the environment that leads Google's clients to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import pathsep
from pathlib import Path

from dit_dagster.errors import InfrastructureError

SHIM = Path(__file__).with_name("shim")
CREDENTIALS_FILE = "service-account.json"
_LOOPBACK = "127.0.0.1,localhost"


class LocalCloudError(InfrastructureError):
    """The local cloud could not be started or stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Which ports to listen on; 0 takes any free one."""

    rest: int = 0
    grpc: int = 0
    storage: int = 0
    dataflow: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCloud:
    """A local cloud's addresses. `pid` is the supervisor's; `directory` holds its data, state and logs."""

    rest: str
    grpc: str
    storage: str
    token: str
    dataflow: str
    project: str
    pid: int
    directory: Path

    def environment(self, inherited: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """The variables a pipeline process needs, to be laid over its own.

        `inherited` is the environment that the process would have had: PYTHONPATH and NO_PROXY keep what it says.
        """
        before = inherited or {}
        proxies = _joined(",", _LOOPBACK, before.get("NO_PROXY") or before.get("no_proxy"))
        return {
            "BIGQUERY_EMULATOR_HOST": self.rest,
            "BIGQUERY_STORAGE_EMULATOR_HOST": self.grpc,
            "STORAGE_EMULATOR_HOST": self.storage,
            "DATAFLOW_EMULATOR_HOST": self.dataflow,
            "GOOGLE_CLOUD_PROJECT": self.project,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.directory / CREDENTIALS_FILE),
            "NO_GCE_CHECK": "true",  # no search for a metadata server that cannot be there
            "NO_PROXY": proxies,
            "no_proxy": proxies,
            "PYTHONPATH": _joined(pathsep, str(SHIM), before.get("PYTHONPATH")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """It is up and every server answered."""

    cloud: LocalCloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Nothing runs and nothing is left over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Something is left over, still starting, or does not answer; the next `up` repairs it."""

    reason: str


Status = Running | Stopped | Broken


def _joined(separator: str, first: str, rest: str | None) -> str:
    return separator.join(part for part in (first, rest) if part)
