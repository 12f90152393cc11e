"""`dit cloud`: what is sent, what is printed, and what a wait ends with."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from dit_dagster.api import Asked
from dit_dagster.cli.arguments import ELSEWHERE, run_arguments
from dit_dagster.model.identity import Commit, ExperimentId
from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.google_stand_in import BUCKET, PROJECT, StandIn, google
from dit_dagster_tests.repositories import Repository
from dit_dagster_tests.scenarios.bench import GOOD, Bench
from dit_dagster_tests.secrets_for_tests import planted_secrets
from dit_dagster_tests.test_docs import parse

_Found = TypeVar("_Found")
SECONDS = 250.0
RUN = ("cloud", "run", "visits", "--modes", "bf,bfd", "--commit", "good")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with google() as made:
        variables = {"API": made.address, "BUCKET": BUCKET, "IMAGE": "example.org/dit:1"}
        for name, value in variables.items():
            monkeypatch.setenv(f"DIT_BUILD_{name}", value)
        monkeypatch.setenv("DIT_PROJECT", PROJECT)
        yield made


def test_a_run_is_submitted_and_its_build_printed_at_once(dit: Dit, stand_in: StandIn) -> None:
    """Nobody waits; the options are arguments, one by one."""
    said = dit(*RUN, "--start", "2024-01-02", "--experiment-id", "night", "--force")

    [(build, request)] = stand_in.builds.items()
    assert (said.code, said.out) == (0, f"{build}\n")
    assert request["steps"][1]["args"][4:] == [
        "--modes=bf,bfd",
        "--start=2024-01-02",
        "--force",
        "--resume=if-possible",
    ]
    assert stand_in.asked[0] == "cloudresourcemanager.projects.testIamPermissions"


def test_what_is_sent_runs_as_it_would_here(
    dit: Dit, bench: Bench, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build's own arguments, on its own source alone, come to the same verdicts."""
    dit(*RUN)
    [(build, request)] = stand_in.builds.items()
    with tarfile.open(fileobj=io.BytesIO(stand_in.source(build))) as tar:
        tar.extractall(tmp_path)  # of our own making; `filter` came with CPython 3.11.4
    for one in request["steps"][1]["env"]:
        name, _, value = one.partition("=")
        if value.startswith("/workspace"):
            monkeypatch.setenv(name, value.replace("/workspace", str(tmp_path)))
    monkeypatch.delenv("DIT_PROJECT")
    bench.repository.path.rename(tmp_path / "away")
    try:
        said = dit(*request["steps"][1]["args"])
    finally:
        (tmp_path / "away").rename(bench.repository.path)

    assert (said.code, "IDENTICAL" in said.out) == (0, True)


@pytest.mark.usefixtures("signals_as_usual")
def test_a_build_that_is_cancelled_cleans_up(dit: Dit, bench: Bench, stand_in: StandIn, tmp_path: Path) -> None:
    """Its container's first process, which is `dit`, is told to end: nothing of the run is left."""
    started = tmp_path / "started"
    program = f"import os, time; open({str(started)!r}, 'w').write(str(os.getppid())); time.sleep(600)"
    bench.commit(GOOD, "slow", program=program)
    before, committed = bench.tables(), len(bench.events("committed"))
    dit("cloud", "run", "visits", "--modes", "bf", "--commit", "slow")
    [(build, request)] = stand_in.builds.items()
    with tarfile.open(fileobj=io.BytesIO(stand_in.source(build))) as tar:
        tar.extractall(tmp_path)  # of our own making; `filter` came with CPython 3.11.4
    sent = dict(one.split("=", 1) for one in request["steps"][1]["env"])
    there = {name: text.replace("/workspace", str(tmp_path)) for name, text in sent.items() if "/workspace" in text}
    variables = {name: text for name, text in os.environ.items() if name != "DIT_PROJECT"} | there
    command = [sys.executable, "-c", "from dit_dagster.cli import main; main()", *request["steps"][1]["args"]]
    # A first process has no signal handlers but its own. To make one takes root; without, it is a process like others.
    alone = ["unshare", "--pid", "--fork", "--kill-child"] if os.geteuid() == 0 else []
    running = subprocess.Popen(
        [*alone, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables
    )
    first = running.pid
    if alone:
        [first] = map(int, _until(Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text).split())
    assert _until(lambda: started.exists() and started.read_text()) == ("1" if alone else str(first))

    os.kill(first, signal.SIGTERM)
    said, _ = running.communicate(timeout=SECONDS)

    assert running.returncode == 143, said
    assert [name for name in bench.tables() if "_pin_" not in name and name not in before] == []
    assert len(bench.events("committed")) == committed


def _until(look: Callable[[], _Found]) -> _Found:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "nothing was found"
        time.sleep(0.05)
    return found


def test_every_option_of_a_run_is_passed_on() -> None:
    """As arguments that `dit run` parses; what is settled on this machine is not among them."""
    moment, day = datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 1)
    given = Asked(
        pipeline="visits", modes=["bf", "bfd"], start=day, end=day, tail=1, lookback=2, jobs=3, force=True,
        resume="never", from_phase="bfd:1", golden=False, max_bytes=4, cohort="small", tables={"visits": "a.b"},
        pin_source_at=moment, runner="docker", worker_image="trips:{commit}", golden_sources=True,
    )  # fmt: skip
    arguments = run_arguments(given, Commit("c" * 40), ExperimentId("night"))

    passed = {one.split("=")[0].lstrip("-").removeprefix("no-").replace("-", "_") for one in arguments[2:]}
    names = {one.name for one in fields(Asked)} - ELSEWHERE | {"commit", "experiment_id", "source"}
    assert passed == names - {"tables"}
    parse(list(arguments))


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_a_wait_ends_as_the_run_ended(dit: Dit, stand_in: StandIn, code: int) -> None:
    """The build's id stands in the output, and nothing else."""
    stand_in.judged(code)

    said = dit(*RUN, "--wait")

    assert (said.code, said.out.split()) == (code, list(stand_in.builds))
    assert dit("cloud", "wait", *stand_in.builds).code == code


def test_an_identity_that_may_not_is_told_before_anything_is_sent(dit: Dit, stand_in: StandIn) -> None:
    """Nothing is in the bucket, and nothing was submitted."""
    stand_in.granted.clear()

    said = dit(*RUN)

    assert (said.code, "lacks cloudbuild.builds.create" in said.err) == (2, True)
    assert (stand_in.objects, stand_in.builds) == ({}, {})


def test_an_identity_of_which_nothing_can_be_told_is_not_trusted(dit: Dit, stand_in: StandIn) -> None:
    """That is no wrong use, and no permission either."""
    stand_in.failing["cloudresourcemanager.projects.testIamPermissions"] = 403

    assert (dit(*RUN).code, stand_in.builds) == (4, {})


def test_a_secret_does_not_leave_the_machine(dit: Dit, bench: Bench, stand_in: StandIn) -> None:
    """It is found before anything is sent."""
    (bench.repository.path / "settings.py").write_text(planted_secrets(7)["a cloud's access key"])
    bench.repository.git("add", "settings.py")
    try:
        said = dit("cloud", "run", "visits")
    finally:
        bench.repository.git("rm", "--force", "--quiet", "settings.py")

    assert (said.code, "that look like secrets" in said.err, stand_in.objects) == (2, True, {})


def test_the_working_tree_is_sent_as_a_snapshot(dit: Dit, bench: Bench, stand_in: StandIn, tmp_path: Path) -> None:
    """The commit that the build runs is there, and nothing that it builds on is."""
    file = bench.repository.path / "job.py"
    before = file.read_text()
    file.write_text(f"{before}\n# changed\n")
    try:
        said = dit("cloud", "run", "visits")
    finally:
        file.write_text(before)
    [(build, request)] = stand_in.builds.items()
    with tarfile.open(fileobj=io.BytesIO(stand_in.source(build))) as tar:
        tar.extractall(tmp_path)  # of our own making; `filter` came with CPython 3.11.4
    sent = Repository(path=tmp_path / "repositories" / "visits")
    commit = request["steps"][1]["args"][2].removeprefix("--commit=")

    assert said.code == 0
    assert sent.git("rev-list", "--all") == commit
    assert sent.git("show", f"{commit}:job.py").endswith("# changed")
    assert str(bench.repository.path) not in "".join(
        one.read_text(errors="replace") for one in tmp_path.rglob("*") if one.is_file()
    )


def test_a_build_is_cancelled_by_its_id(dit: Dit, stand_in: StandIn) -> None:
    """Twice: the second time it is over."""
    [build] = dit(*RUN).out.split()

    assert [dit("cloud", "cancel", build).code for _ in range(2)] == [0, 3]


@pytest.mark.usefixtures("signals_as_usual", "dit")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_stops_a_wait_cancels_the_build(stand_in: StandIn, number: int, code: int) -> None:
    """As often as it is asked, it is cancelled once."""
    command = [sys.executable, "-c", "from dit_dagster.cli import main; main()", *RUN, "--wait"]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    _until(lambda: "cloudbuild.projects.locations.builds.get" in stand_in.asked)
    waiting.send_signal(number)
    waiting.communicate(timeout=SECONDS)

    assert waiting.returncode == code
    assert [one["status"] for one in stand_in.builds.values()] == ["CANCELLED"]
    assert stand_in.asked.count("cloudbuild.projects.locations.builds.cancel") == 1
