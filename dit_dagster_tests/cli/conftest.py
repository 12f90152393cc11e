"""The `dit` command in this process, with a pipeline of its own around it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.cli import main
from dit_dagster_tests.scenarios.bench import Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How the command ended, and what it wrote."""

    code: int
    out: str
    err: str


Dit = Callable[..., Said]


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud, warehouse: BigQueryWarehouse
) -> Iterator[Bench]:
    """A bench for the tests of one module."""
    made = Bench.new(tmp_path_factory.mktemp("command"), local_cloud, warehouse)
    yield made
    made.close()


@pytest.fixture
def dit(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dit:
    """Runs `dit` with these arguments, as its entry point does."""
    settings = bench.settings
    for name in ("home", "pipelines", "dest_dataset", "registry_dataset"):
        monkeypatch.setenv(f"DIT_{name.upper()}", str(getattr(settings, name)))

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["dit", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(code=ended.value.code if isinstance(ended.value.code, int) else 0, out=said.out, err=said.err)

    return run
