"""Two emulators for the whole session, one with every patch and one with none, so that each test shows both sides."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

PROJECT = "ditlocal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A running emulator, and a new dataset in it for one test."""

    patched: bool
    rest: str
    grpc: str
    storage_root: Path
    client: Any  # its stubs do not know that `retry` may be None
    dataset: str

    def outcome(self, probe: Callable[[], Any]) -> Any:
        """What `probe` returns, or the name of the error it raises."""
        try:
            return probe()
        except Exception as error:  # noqa: BLE001 - an error is an outcome: of the unpatched emulator, or the right one
            return f"{type(error).__name__}: {error}"

    def shows(self, probe: Callable[[], Any], right: Any) -> None:
        """Assert that `probe` yields `right` with the patches, and something else without."""
        actual = self.outcome(probe)
        if self.patched:
            assert actual == right
        else:
            assert actual != right, "the emulator is right without our patch: the patch can go"

    def run(self, sql: str, **settings: Any) -> list[tuple[Any, ...]]:
        """The rows of a query in which `d.` stands for this test's dataset."""
        config = bigquery.QueryJobConfig(**settings)
        job = self.client.query(self.sql(sql), job_config=config, retry=None, job_retry=None)
        return [row.values() for row in job.result(retry=None)]

    def sql(self, text: str) -> str:
        """`text` with this test's dataset for `d.`."""
        return text.replace(" d.", f" {self.dataset}.").replace("(d.", f"({self.dataset}.")

    def table(self, name: str = "t") -> Any:
        """The table resource."""
        return self.client.get_table(f"{PROJECT}.{self.dataset}.{name}")

    def reference(self, name: str = "t") -> bigquery.TableReference:
        """The table's name as the client takes it."""
        return bigquery.TableReference.from_string(f"{PROJECT}.{self.dataset}.{name}")


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """Both emulators: what they announced, and their storage roots."""
    base = tmp_path_factory.mktemp("emulators")
    with _started(base / "patched", []) as patched, _started(base / "unpatched", ["all"]) as unpatched:
        yield {"patched": patched(), "unpatched": unpatched()}


@pytest.fixture(params=["patched", "unpatched"])
def emulator(request: pytest.FixtureRequest, emulators: dict[str, dict[str, Any]]) -> Emulator:
    """One of the two, with a new dataset."""
    return _with_dataset(emulators[request.param], patched=request.param == "patched")


@pytest.fixture
def spoilt_emulator(tmp_path: Path) -> Iterator[Emulator]:
    """One without patches for a single test, which may leave it in any state."""
    with _started(tmp_path / "unpatched", ["all"]) as announced:
        yield _with_dataset(announced(), patched=False)


def _with_dataset(facts: dict[str, Any], *, patched: bool) -> Emulator:
    client = bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": facts["rest"]},
    )
    dataset = f"d{uuid4().hex[:12]}"
    client.create_dataset(dataset)
    return Emulator(patched=patched, client=client, dataset=dataset, **facts)


@contextmanager
def _started(directory: Path, without: list[str]) -> Iterator[Callable[[], dict[str, Any]]]:
    """An emulator under way; called, it is waited for: two of them start side by side."""
    root = directory / "storage"
    root.mkdir(parents=True)
    command = [sys.executable, "-m", "dit_dagster.adapters.local_gcp.launcher"]
    command += [f"--directory={directory}", f"--storage-root={root}", f"--project={PROJECT}"]
    command += ["--without", *without] if without else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout
        yield lambda: json.loads(line.readline()) | {"storage_root": root}
        process.kill()
