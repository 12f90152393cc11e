"""The sample in Beam, for real: Beam's own runners, the commit's own environment, the local BigQuery and Dataflow.

Minutes rather than seconds, so it is not among the tests that run every time: `make beam`.
"""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import dit_dagster
from dit_dagster import api, ensure_worker_image, wiring
from dit_dagster.adapters.environments import UvEnvironments
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.evidence.crossing import diff_json
from dit_dagster.evidence.report import report_json
from dit_dagster.model.worker_image import AlreadyThere
from dit_dagster.settings import Settings, whole_environment
from dit_dagster_tests.containers.base_image import SITE, base_image
from dit_dagster_tests.containers.engine import Engine

SHIPPED = Path(dit_dagster.__file__).parent / "defs" / "flight_gaps_beam" / "defs.yaml"
WINDOW: Mapping[str, Any] = {"start": date(2013, 3, 1), "end": date(2013, 3, 8), "tail": 1, "lookback": 1}
MODES = ["bf", "bfd", "bftruncate"]
BUG = "bug-lost-at-boundary"
OWN = "flight-gaps-beam:{tree}"
PACKAGE = f"{SITE}/flight_gaps_beam"
PROGRAM = "#!/usr/local/bin/python\nimport sys\nfrom flight_gaps_beam.cli import main\nsys.exit(main())\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Settings of their own, with the sample as it ships and in variations, on the session's local cloud."""

    settings: Settings
    cloud: LocalCloud

    def declare(self, name: str, container: Mapping[str, Any] | None = None, **beam: Any) -> str:
        """The sample under another name, with other options of Beam, and a container if one is given."""
        document = yaml.safe_load(SHIPPED.read_text())
        document["attributes"]["name"] = name
        if container is not None:
            document["attributes"] |= {"container": dict(container)}
        document["attributes"]["steps"][0]["beam"] = beam
        assert self.settings.pipelines is not None
        file = self.settings.pipelines / name / "defs.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(document))
        return name

    def verdicts(self, pipeline: str, commit: str, **where: Any) -> Mapping[str, tuple[str, int, int]]:
        """The verdict on each mode, and how many rows there are on either side; `where` it runs, unless as declared."""
        report = report_json(api.run(pipeline, commit=commit, modes=MODES, settings=self.settings, **WINDOW, **where))
        return {one["right"]: (one["verdict"], one["rows_left"], one["rows_right"]) for one in report["comparisons"]}

    def jobs(self, pipeline: str) -> list[Mapping[str, Any]]:
        """The jobs behind every state of a pipeline."""
        events = wiring.registry(self.settings).of_pipeline("committed", pipeline, 1000)
        return [job for event in events for job in event.payload.get("jobs", ())]

    def publish(self, image: str, tag: str) -> None:
        """Let one commit's environment be what an image holds."""
        pipeline = wiring.find_pipeline("flight_gaps_beam", self.settings)
        code = wiring.source_control(pipeline, self.settings)
        commit = code.resolve(tag)
        checkout = code.checkout(commit, code.tree(commit))
        environment = UvEnvironments(self.settings.directory, whole_environment()).ensure(checkout)
        stand_in = {"python": str(environment.directory / "bin" / "python"), "identity": f"as published at {tag}"}
        self.put("images", {image: stand_in})

    def put(self, path: str, content: Mapping[str, Any]) -> None:
        """Tell the local Dataflow."""
        place, data = f"{self.cloud.dataflow}/dit/{path}", json.dumps(content).encode()
        urllib.request.urlopen(urllib.request.Request(place, data, method="PUT")).close()


def make_image(engine: Engine, sample: Sample, commit: str, *, tag: str | None = None) -> str:
    """The image that a commit's workers are declared to run, of what the commit's own environment holds."""
    pipeline = wiring.find_pipeline("flight_gaps_beam", sample.settings)
    code = wiring.source_control(pipeline, sample.settings)
    tree = code.tree(code.resolve(commit))
    checkout = code.checkout(code.resolve(commit), tree)
    environment = UvEnvironments(sample.settings.directory, whole_environment()).ensure(checkout)
    sites = [site for folder in environment.binaries for site in folder.parent.glob("lib/python*/site-packages")]
    installed = {f"{SITE}/{one.name}": one for site in reversed(sites) for one in site.iterdir()}
    with base_image({**installed, "/usr/local/bin/flight-gaps-beam": PROGRAM}) as archive:
        engine.api.import_image_from_file(str(archive), repository="flight-gaps-beam", tag=tag or str(tree))
    return f"flight-gaps-beam:{tag or tree}"


@pytest.fixture
def held(sample: Sample, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The tests' own engine, where containers run, those of workers among them."""
    monkeypatch.setenv("DOCKER_HOST", engine.variables["DOCKER_HOST"])
    sample.put("engine", {"address": engine.variables["DOCKER_HOST"]})
    yield engine
    sample.put("engine", {"address": None})


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud) -> Sample:
    home = tmp_path_factory.mktemp("beam")
    (home / "local").symlink_to(local_cloud.directory)
    mark = secrets.token_hex(4)
    return Sample(
        settings=Settings(
            home=home,
            pipelines=home / "pipelines",
            dest_dataset=f"scratch_{mark}",
            registry_dataset=f"registry_{mark}",
            jobs=2,
        ),
        cloud=local_cloud,
    )


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("commit", ["v1", BUG])
def test_containers_come_to_the_same_verdict(sample: Sample, held: Engine, commit: str) -> None:
    """A third way: all of it in a container. And Dataflow's workers in containers of the commit's own image."""
    image = make_image(held, sample, commit)

    found = [
        sample.verdicts("flight_gaps_beam", commit, runner="process"),
        sample.verdicts("flight_gaps_beam", commit, runner="docker", worker_image=OWN),
        sample.verdicts("flight_gaps_beam", commit, runner="dataflow", worker_image=OWN),
    ]

    assert found[0] == found[1] == found[2]
    identity = held.api.inspect_image(image)["Id"]
    assert {job["worker"] for job in sample.jobs("flight_gaps_beam")} >= {identity}
    assert held.containers() == []


@pytest.mark.timeout(1800)
def test_the_workers_image_is_built_of_the_tree(sample: Sample, held: Engine) -> None:
    """By the first run that needs it, and for each commit: then both are what they are elsewhere."""
    make_image(held, sample, "v1", tag="packages")
    recipe = f"FROM flight-gaps-beam:packages\nCOPY flight_gaps_beam {PACKAGE}\n"
    built = sample.declare("built", {"recipe": recipe}, worker_image="{image}")

    found = {commit: sample.verdicts(built, commit) for commit in ("v1", BUG)}

    assert found == {commit: sample.verdicts(built, commit, runner="process") for commit in found}
    workers = {ensure_worker_image(built, commit, settings=sample.settings) for commit in found}
    assert {job["worker"] for job in sample.jobs(built)} == {
        one.image for one in workers if isinstance(one, AlreadyThere)
    }
    assert (len(workers), held.containers()) == (2, [])


@pytest.mark.timeout(1800)
def test_trap_21_one_real_image_for_two_trees_is_found_out(sample: Sample, held: Engine) -> None:
    """Trap 21: both commits' workers run in containers of the good one's image: INCOMPARABLE."""
    held.api.tag(make_image(held, sample, "v1"), "flight-gaps-beam", "latest")
    latest = sample.declare("latest", worker_image="flight-gaps-beam:latest")

    found = api.diff(latest, {"good": "v1", "bad": BUG}, settings=sample.settings, modes=["bf"], **WINDOW)

    (compared,) = diff_json(found)["comparisons"]
    assert compared["verdict"] == "INCOMPARABLE"
    assert "the workers of both bindings ran sha256:" in compared["reason"]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("commit", ["v1", BUG])
def test_both_runners_come_to_one_verdict(sample: Sample, commit: str) -> None:
    """In the step's process, and on Dataflow with the commit's own worker image: the same verdicts on as many rows."""
    in_process, on_dataflow = (
        sample.verdicts("flight_gaps_beam", commit, runner=runner) for runner in ("process", "dataflow")
    )

    expected = "IDENTICAL" if commit == "v1" else "DIFFERENT"
    assert in_process == on_dataflow
    assert {mode: verdict for mode, (verdict, _, _) in on_dataflow.items()} == {"bfd": expected, "bftruncate": expected}
    assert min(rows for _, *sides in on_dataflow.values() for rows in sides) > 0


@pytest.mark.timeout(1800)
def test_trap_21_a_published_image_hides_the_bug_and_is_found_out(sample: Sample) -> None:
    """Trap 21: the workers of the commit with the bug run the good one, so that its tables are right: INCOMPARABLE."""
    sample.publish("flight-gaps-beam:published", "v1")
    published = sample.declare("published", worker_image="flight-gaps-beam:published")

    found = api.diff(published, {"good": "v1", "bad": BUG}, settings=sample.settings, modes=["bf"], **WINDOW)

    (compared,) = diff_json(found)["comparisons"]
    assert compared["verdict"] == "INCOMPARABLE"
    assert "the workers of both bindings ran as published at v1" in compared["reason"]
