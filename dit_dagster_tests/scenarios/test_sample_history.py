"""The sample's history, judged for real: red where it must be, for the right reason, and only there.

A short form of `dit demo --all`: every commit, on the short window, through the modes that its fault shows in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dit_dagster import api, wiring
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.comparing import compare_tables
from dit_dagster.demo.expectations import Expected, read_expected
from dit_dagster.model.identity import TableName
from dit_dagster.model.outcome import record_of
from dit_dagster.model.verdict import EXIT_CODES, verdict_name
from dit_dagster.running.phase import compared_role
from dit_dagster.running.run import Report
from dit_dagster.running.workplace import Workplace
from dit_dagster.settings import Settings, inherited

pytestmark = pytest.mark.xdist_group("sample_history")

EXPECTED = read_expected()
DAILY = ("bf", "bfd", "bftruncate")
GOOD = ("v1", "v1-refactored", "v2-changed")
MODES = {tag: ("bf", "bfd") if tag in GOOD else DAILY for tag in EXPECTED.tags} | {"bug-tie-break": ("bf", "repeat")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Where the history is run, and the reports so far."""

    settings: Settings
    place: Workplace
    reports: dict[str, Report]

    def report(self, tag: str) -> Report:
        """The report of a commit, which is run when it is first asked for."""
        if tag not in self.reports:
            window = EXPECTED.windows["short"]
            asked = api.Asked(
                pipeline="flight_gaps", commit=tag, modes=MODES[tag], start=window.start, end=window.end, jobs=2
            )
            pipeline = wiring.find_pipeline("flight_gaps", self.settings)
            request = api.make_request(asked, pipeline, self.place, self.settings)
            self.reports[tag] = api.run_prepared(request, self.place)
        return self.reports[tag]

    def backfill(self, tag: str, output: str) -> TableName:
        """What is compared of an output after the backfill of a commit."""
        report = self.report(tag)
        plan = report.prospect.plan
        record = record_of(report.outcomes[plan.mode("bf").leaf])
        assert record is not None
        table = record.table(compared_role(output, plan.request.pipeline.outputs[output]))
        assert table is not None
        return table


@pytest.fixture(scope="module")
def sample(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud, warehouse: BigQueryWarehouse
) -> Iterator[Sample]:
    """The sample on the local cloud that all tests share, in datasets of its own."""
    home = tmp_path_factory.mktemp("sample")
    settings = Settings(home=home, dest_dataset="sample_scratch", registry_dataset="sample_registry")
    base = inherited(cloud=False)
    around = wiring.Surroundings(warehouse=warehouse, variables={**base, **local_cloud.environment(base)})
    place = wiring.workplace(wiring.find_pipeline("flight_gaps", settings), settings, around)
    yield Sample(settings=settings, place=place, reports={})
    for dataset in ("sample_scratch", "sample_registry"):
        warehouse.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)


@pytest.mark.parametrize("tag", EXPECTED.tags)
def test_every_commit_is_judged_as_it_must_be(sample: Sample, tag: str) -> None:
    """Trap 24: a fault that no mode shows would be masked on both sides; each is red, and for its own reason."""
    report = sample.report(tag)
    expected: Expected = EXPECTED

    assert list(expected.complaints(tag, "short", [one.json for one in report.comparisons])) == []
    assert EXIT_CODES[report.outcome] == (0 if tag in GOOD else 1)


@pytest.mark.parametrize("tag", [tag for tag in GOOD if tag != "v1"])
@pytest.mark.parametrize("output", ["gaps", "daily"])
def test_good_commits_against_the_first(sample: Sample, tag: str, output: str) -> None:
    """A refactoring changes no row of the backfill; a changed rule does, though its modes agree."""
    policy = wiring.find_pipeline("flight_gaps", sample.settings).outputs[output].policy
    verdict = compare_tables(
        sample.place.warehouse, sample.backfill("v1", output), sample.backfill(tag, output), policy
    )

    assert verdict_name(verdict) == EXPECTED.against_v1[tag, "short", output]
