"""Runs one staged pipeline, on whatever Python and Beam the worker's image brings (3.8 and later).

It is started by path, not imported: nothing of this project is installed where it runs. One line of JSON on standard
input is the task; lines of JSON on what was standard output say what became of it. It ends when its input closes.
"""

# mypy: ignore-errors

import json
import logging
import os
import shutil
import sys
import threading
import traceback
from pathlib import Path

_EMBEDDED = "beam:env:embedded_python:v1"
_DOCKER = "beam:env:docker:v1"
_OF_THE_SUBMITTER = ("runner", "pipelineUrl", "pipelineProtoHash", "save_main_session")


def main():
    """Run the task and say how it ended; the exit code is 0 whenever it was said."""
    task = json.loads(_first_line())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    say = _voice()
    try:
        metrics = _run(task)
    except BaseException as error:  # noqa: BLE001 - whatever ends it is what is said
        say({"error": _innermost(error)})
        return 0
    say({"metrics": metrics})
    say({"done": True})
    return 0


def _voice():
    """From here on standard output is standard error: what a pipeline prints cannot be taken for ours."""
    line = os.dup(1)
    os.dup2(2, 1)
    return lambda said: os.write(line, json.dumps(said).encode() + b"\n")


def _run(task):
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    logging.getLogger().setLevel(logging.WARNING)
    proto = beam_runner_api_pb2.Pipeline()
    proto.ParseFromString(Path(_local(task, task["options"]["pipelineUrl"])).read_bytes())
    _install(task, proto)
    for environment in proto.components.environments.values():
        environment.urn, environment.payload = _EMBEDDED, b""
        del environment.dependencies[:]
    options = {name: _whole(value) for name, value in task["options"].items() if name not in _OF_THE_SUBMITTER}
    result = FnApiRunner().run_via_runner_api(proto, PipelineOptions.from_dictionary(options))
    state = result.wait_until_finish()
    if state != "DONE":
        raise RuntimeError(f"the pipeline ended in state {state}")
    return [update for metric in _queried(result) for update in _updates(metric)]


def _whole(value):
    """An option's number: on its way through the API every one became a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _local(task, url):
    """The file behind a gs:// address."""
    if not url.startswith("gs://"):
        raise RuntimeError(f"{url} is not in Cloud Storage")
    return os.path.join(task["storage"], *url[len("gs://") :].split("/"))  # noqa: PTH118


def _install(task, proto):
    """Load what was staged beside the pipeline: a pickled main session; packages would need an installation."""
    from apache_beam.portability.api import beam_runner_api_pb2 as api

    for environment in proto.components.environments.values():
        if environment.urn != _DOCKER:
            raise RuntimeError(f"environment {environment.urn} is not a container")
        for dependency in environment.dependencies:
            name = api.ArtifactStagingToRolePayload.FromString(dependency.role_payload).staged_name
            url = api.ArtifactUrlPayload.FromString(dependency.type_payload).url
            if name == "pickled_main_session":
                _load_main_session(_local(task, url), os.path.join(task["scratch"], name))  # noqa: PTH118
            elif name != "submission_environment_dependencies.txt":
                raise RuntimeError(
                    f"the local Dataflow does not install staged packages ({name}): put the code into the worker image"
                )


def _load_main_session(source, target):
    from apache_beam.internal import pickler

    shutil.copyfile(source, target)
    pickler.load_session(target)


def _queried(result):
    found = result.metrics().query()
    return [metric for kind in ("counters", "distributions") for metric in found[kind]]


def _updates(metric):
    """A metric as Dataflow reports it, once as tentative and once as committed."""
    for tentative in (True, False):
        context = {"step": metric.key.step, "namespace": metric.key.metric.namespace}
        if tentative:
            context["tentative"] = "true"
        value = metric.attempted if tentative or metric.committed is None else metric.committed
        update = {"name": {"origin": "user", "name": metric.key.metric.name, "context": context}}
        if hasattr(value, "sum"):
            update["distribution"] = {"sum": value.sum, "count": value.count, "min": value.min, "max": value.max}
        else:
            update["scalar"] = value
        yield update


def _innermost(error):
    """The traceback, cut to its end, where the pipeline's own lines are."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))[-6000:]


def _first_line():
    """Without a buffer, whose lock a thread that waits for more would hold for ever."""
    read = b""
    while not read.endswith(b"\n"):
        read += os.read(0, 1)
    return read


def _end_with_parent():
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
