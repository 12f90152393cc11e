"""What is generated for Beam, before Beam's own validators."""

from __future__ import annotations

from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster_tests.adapters.local_gcp.test_clients import run


def test_beam_accepts_a_hundred_of_them(local_cloud: LocalCloud) -> None:
    """Names, labels and options pass apache_beam's validators, and come out of its parser as they were meant."""
    assert run(local_cloud, _VALIDATE) == "100 accepted, 0 rejected []"


_VALIDATE = """
import random, string
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
from dit_dagster.model.beam import Beam, BeamJob, BeamPlace, rendered
from dit_dagster.running.job_names import JobOf, job_name
from dit_dagster.running.labels import label_value

chance = random.Random(63)
def word(longest):
    rest = "".join(chance.choices(string.ascii_lowercase + string.digits + "_", k=chance.randrange(longest)))
    return chance.choice(string.ascii_lowercase) + rest
accepted, rejected = 0, []
for number in range(100):
    of = JobOf(pipeline=word(40), step=word(40), experiment=word(40), binding=word(40), mode=word(40),
               phase=number + 1, attempt=number % 3 + 1, run_id="r" + word(60))
    labels = {f"dit_{key}": label_value(getattr(of, key)) for key in ("run_id", "experiment", "pipeline", "step")}
    beam = Beam(max_workers=chance.choice([None, 1, 40]), subnetwork=chance.choice([None, "regions/r/subnetworks/s"]),
                worker_image=chance.choice([None, "europe-docker.pkg.dev/p/r/gaps:v1"]))
    place = BeamPlace(project="prod-project", region="europe-west1", temp_bucket="scratch-bucket",
                      service_account=chance.choice([None, "dit@prod-project.iam.gserviceaccount.com"]))
    arguments = rendered(beam, place, BeamJob(name=job_name(of), labels=labels))
    options = PipelineOptions(list(arguments))
    unknown = options.get_all_options(retain_unknown_options=True).keys() - options.get_all_options().keys()
    errors = PipelineOptionsValidator(options, DataflowRunner()).validate() + sorted(unknown)
    google = options.view_as(GoogleCloudOptions)
    if google.labels != [f"{key}={value}" for key, value in labels.items()] or google.job_name != job_name(of):
        errors.append("not read back")
    accepted, rejected = (accepted, [*rejected, errors]) if errors else (accepted + 1, rejected)
print(f"{accepted} accepted, {len(rejected)} rejected {rejected[:3]}")
"""
