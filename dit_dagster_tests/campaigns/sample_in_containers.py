"""The sample pipeline, unchanged, in containers that are built from its commit's tree, against the local cloud.

A minute, so it is not among the tests that run every time: `make containers`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pip
import pytest

from dit_dagster import api, wiring
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.evidence.report import report_json
from dit_dagster.settings import Settings
from dit_dagster_tests.containers.base_image import SITE, base_image
from dit_dagster_tests.containers.engine import Engine

DATASETS = ("contained_scratch", "contained_registry")
OPTIONS: dict[str, Any] = {"start": date(2013, 3, 1), "end": date(2013, 3, 5), "tail": 1, "lookback": 1}
PIP = "#!/usr/local/bin/python\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"


@pytest.fixture
def settings(tmp_path: Path, local_cloud: LocalCloud, warehouse: BigQueryWarehouse) -> Iterator[Settings]:
    (tmp_path / "local").symlink_to(local_cloud.directory)
    yield Settings(home=tmp_path, dest_dataset=DATASETS[0], registry_dataset=DATASETS[1])
    for dataset in DATASETS:
        warehouse.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)


def make_python_image(engine: Engine, installed: Path, folder: Path) -> None:
    """What the recipe stands on, with the dependencies installed: pip finds them, and asks no index."""
    wheels = folder / "wheels"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    subprocess.run([*download, "flit_core>=3.9,<4"], check=True)
    package = Path(pip.__file__).parent
    places = {SITE: installed, f"{SITE}/pip": package, "/wheels": wheels}
    with base_image({**places, "/usr/local/bin/pip": PIP}) as archive:
        changes = ["ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels PIP_DISABLE_PIP_VERSION_CHECK=1"]
        engine.api.import_image_from_file(str(archive), repository="python", tag="3.11-slim", changes=changes)


def test_the_sample_comes_to_the_same_in_a_container(
    settings: Settings, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same verdicts, from phases of their own, and the same content in every state."""
    monkeypatch.setenv("DOCKER_HOST", engine.variables["DOCKER_HOST"])

    def run(runner: str) -> dict[str, Any]:
        report = api.run("flight_gaps", settings=settings, commit="v1", modes=["bf", "bfd"], runner=runner, **OPTIONS)
        return report_json(report)

    process = run("process")
    (installed,) = (settings.directory / "dependencies").glob("*/lib/python*/site-packages")
    make_python_image(engine, installed, tmp_path)
    docker = run("docker")

    def verdicts(report: dict[str, Any]) -> list[tuple[str, str, str]]:
        return [(one["output"], one["right"], one["verdict"]) for one in report["comparisons"]]

    def contents(report: dict[str, Any]) -> list[str]:
        events = wiring.registry(settings).of_run(report["run_id"])
        return sorted(str(event.payload["digest"]) for event in events if event.kind == "digest")

    assert verdicts(docker) == verdicts(process)
    assert contents(docker) == contents(process) != []
    assert docker["invocations"]["executed"] == process["invocations"]["executed"]
    assert (docker["outcome"], docker["runner"], engine.containers()) == ("pass", "docker", [])
