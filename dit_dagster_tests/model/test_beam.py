"""Beam's options of a step: from the declaration and the settings to arguments."""

from __future__ import annotations

import pytest

from dit_dagster.errors import UsageError
from dit_dagster.model.beam import Beam, BeamJob, BeamPlace, rendered

PLACE = BeamPlace(
    project="prod", region="europe-west1", temp_bucket="scratch-bucket", service_account="dit@prod.example"
)
JOB = BeamJob(name="dit-gaps-bf-1-1-00000000", labels={"dit_run": "r1", "dit_step": "detect"})


def test_settings_fill_what_is_not_declared() -> None:
    """Declared values win over the place's; the rest is passed under Beam's own names."""
    beam = Beam(region="us-east1", worker_image="image:{commit}", max_workers=4)

    assert rendered(beam, PLACE, JOB, lambda text: text.replace("{commit}", "c0ffee")) == (
        "--runner=DataflowRunner",
        "--project=prod",
        "--region=us-east1",
        "--temp_location=gs://scratch-bucket/dit/temp",
        "--staging_location=gs://scratch-bucket/dit/staging",
        "--service_account_email=dit@prod.example",
        "--sdk_container_image=image:c0ffee",
        "--max_num_workers=4",
        "--job_name=dit-gaps-bf-1-1-00000000",
        "--labels=dit_run=r1",
        "--labels=dit_step=detect",
    )


def test_each_option_in_the_programs_spelling() -> None:
    """Hyphens for all, another name for one, none for another, and one that Beam itself does not know."""
    beam = Beam(
        runner="DirectRunner",
        spelling="hyphens",
        flags={"labels": "--label", "project": None, "temp_dataset": "--bq-temp-dataset"},
        temp_dataset="scratch",
    )

    arguments = rendered(beam, BeamPlace(project="prod", temp_bucket="b-b"), JOB)

    assert arguments == (
        "--runner=DirectRunner",
        "--temp-location=gs://b-b/dit/temp",
        "--staging-location=gs://b-b/dit/staging",
        "--bq-temp-dataset=scratch",
        "--job-name=dit-gaps-bf-1-1-00000000",
        "--label=dit_run=r1",
        "--label=dit_step=detect",
    )


@pytest.mark.parametrize(
    ("place", "variable"),
    [
        pytest.param(BeamPlace(project="prod", temp_bucket="b-b"), "DIT_DATAFLOW_REGION", id="region"),
        pytest.param(BeamPlace(project="prod", region="here"), "DIT_DATAFLOW_TEMP_BUCKET", id="bucket"),
    ],
)
def test_what_dataflow_needs_is_asked_for(place: BeamPlace, variable: str) -> None:
    """The message names the variable and the field; a runner in this process needs neither."""
    with pytest.raises(UsageError, match=f"set {variable}, or declare beam"):
        rendered(Beam(), place, JOB)

    assert rendered(Beam(runner="DirectRunner"), place, JOB)
