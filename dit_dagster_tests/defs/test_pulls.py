"""The sensors of pull requests: a remote that git's daemon serves, the host's API on a port, Dagster's own records."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dit_dagster.adapters.git_remote import GitUpstream
from dit_dagster.adapters.memory import MemoryBoard, MemoryRegistry, MemoryUpstream
from dit_dagster.defs.component import pipeline_definitions
from dit_dagster.defs.jobs import jobs
from dit_dagster.defs.pulls import pulls_sensor
from dit_dagster.defs.resources import WORKBENCH, Workbench
from dit_dagster.defs.verdicts import verdicts_sensor
from dit_dagster.defs.vocabulary import HEAD_TAG, PIPELINE_TAG, PULL_TAG, REF_TAG, TRIGGER, TRIGGER_TAG, Vocabulary
from dit_dagster.errors import BadDeclaration, BoardRefused, BoardUnreachable
from dit_dagster.evidence.notices import check_name, topic
from dit_dagster.model.identity import Commit
from dit_dagster.model.notice import NoticeState
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.pull_request import Head, PullRequest
from dit_dagster.planning.pulls import read
from dit_dagster.ports import Registry, Upstream, VerdictBoard
from dit_dagster_tests.builders import a_pipeline, an_event
from dit_dagster_tests.contracts.test_verdict_board import a_board
from dit_dagster_tests.evidence.html.a_run import a_run
from dit_dagster_tests.git_daemon import ServedRemote, served_remote
from dit_dagster_tests.github_stand_in import SLUG, StandIn, stand_in
from dit_dagster_tests.repositories import Repository

MAIN, OLD, NEW = (Commit(digit * 40) for digit in "123")


def declared(**pulls: Any) -> Pipeline:
    remote = {"remote": "https://git.example/o/n", "github": SLUG}
    return a_pipeline(default_branch="main", cohorts={"all": {}}, pulls={**remote, **pulls})


def a_workbench(registry: Registry, upstream: Upstream, board: VerdictBoard | None) -> Workbench:
    class Here(Workbench):
        def upstream(self, pipeline: Pipeline) -> Upstream:  # noqa: ARG002
            return upstream

        def board(self, pipeline: Pipeline) -> VerdictBoard | None:  # noqa: ARG002
            return board

        def link(self, run_id: str) -> str | None:
            return f"https://dagster.example/runs/{run_id}"

        @contextmanager
        def registry(self) -> Iterator[Registry]:
            yield registry

    return Here()


@dataclass(slots=True)
class Watch:
    """Both sensors of a pipeline, tick by tick, as the daemon evaluates them; it starts what they ask for."""

    pipeline: Pipeline
    instance: dg.DagsterInstance
    workbench: Workbench
    cursors: dict[str, str | None]

    @property
    def words(self) -> Vocabulary:
        return Vocabulary(self.pipeline)

    def look(self) -> dg.SensorResult:
        assert self.pipeline.pulls is not None
        return self._tick("pulls", pulls_sensor(self.words, self.pipeline.pulls, jobs(self.words)))

    def show(self) -> dg.SensorResult:
        return self._tick("verdicts", verdicts_sensor(self.words))

    def _tick(self, name: str, sensor: dg.SensorDefinition) -> dg.SensorResult:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            resources={WORKBENCH: self.workbench},
            definitions=pipeline_definitions(self.pipeline, self.workbench),
        )
        result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursors[name] = result.cursor
        return result

    def start(self, result: dg.SensorResult) -> list[str]:
        """A queued run for each request, tagged as the daemon tags it; their ids."""
        return [
            self.instance.create_run_for_job(
                _a_job(self.words.job), tags={**request.tags, PIPELINE_TAG: self.pipeline.name}
            ).run_id
            for request in result.run_requests or ()
        ]

    def become(self, run_id: str, *kinds: dg.DagsterEventType) -> None:
        for kind in kinds:
            event = dg.DagsterEvent(event_type_value=kind.value, job_name=self.words.job)
            self.instance.report_dagster_event(event, run_id)


def _a_job(name: str) -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    return dg.GraphDefinition(name=name, node_defs=[nothing]).to_job()


STARTED = (dg.DagsterEventType.RUN_STARTING, dg.DagsterEventType.RUN_START)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def a_watch(
    instance: dg.DagsterInstance, upstream: Upstream, board: VerdictBoard | None, registry: Registry, **pulls: Any
) -> Watch:
    return Watch(declared(**pulls), instance, a_workbench(registry, upstream, board), {})


def asked(result: dg.SensorResult) -> list[tuple[str, str]]:
    return [(request.tags[PULL_TAG], request.tags[HEAD_TAG]) for request in result.run_requests or ()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    upstream: MemoryUpstream
    board: MemoryBoard
    registry: MemoryRegistry

    def pull(self, number: int, commit: Commit, **about: Any) -> None:
        self.upstream.pulls[number] = Head(ref=f"refs/pull/{number}/head", commit=commit)
        self.board.pulls[number] = PullRequest(**{"number": number, "author": "mia", "fork": False, **about})

    def report(self, run_id: str, commit: Commit, **changes: Any) -> None:
        report = {**a_run(), "commit": commit, "run_id": run_id, **changes}
        self.registry.append([an_event("run_finished", run_id=run_id, fingerprint=None, payload=report)])


@pytest.fixture
def memory() -> Memory:
    head = Head(ref="refs/heads/main", commit=MAIN)
    return Memory(upstream=MemoryUpstream(head), board=MemoryBoard(), registry=MemoryRegistry())


@pytest.fixture
def watch(instance: dg.DagsterInstance, memory: Memory) -> Watch:
    return a_watch(instance, memory.upstream, memory.board, memory.registry)


def state(memory: Memory, commit: Commit) -> NoticeState:
    return memory.board.notices[check_name("trips"), commit].state


def test_a_request_registers_its_commit_and_says_whose_it_is(watch: Watch, memory: Memory) -> None:
    """The partition, the job and the tags by which it is found again; the default branch is warmed beside it."""
    watch.look()
    memory.pull(1, NEW)

    found = watch.look()

    [warm, pull] = found.run_requests or ()
    assert (pull.partition_key, pull.job_name, pull.run_key) == (NEW, "trips__mode_equivalence", f"pull-1-{NEW}")
    assert pull.run_config == {"ops": {"trips__pin": {"config": {"against": MAIN}}}}
    assert dict(pull.tags) == {TRIGGER_TAG: TRIGGER, PULL_TAG: "1", HEAD_TAG: NEW, REF_TAG: "refs/pull/1/head"}
    assert (warm.partition_key, warm.tags[PULL_TAG]) == (MAIN, "0")
    added = [key for request in found.dynamic_partitions_requests or () for key in request.partition_keys]
    assert added == [MAIN, NEW]


def test_both_sensors_are_off_until_somebody_turns_them_on(memory: Memory) -> None:
    """They start runs and write to other people's pages. A pipeline that declares no pull requests has none of them."""
    workbench = a_workbench(memory.registry, memory.upstream, memory.board)

    made = {one.name: one.default_status for one in pipeline_definitions(declared(), workbench).sensors or ()}
    without = {one.name for one in pipeline_definitions(a_pipeline(), workbench).sensors or ()}

    assert made["trips_pulls"] is made["trips_verdicts"] is dg.DefaultSensorStatus.STOPPED
    assert without == {"trips_commits", "trips_elsewhere"}


def test_the_heavy_label_chooses_the_longer_window_and_every_mode(instance: dg.DagsterInstance, memory: Memory) -> None:
    """As declared, through the configuration of the pin."""
    heavy = {"label": "full", "start": "2010-01-01", "end": "2014-01-01", "cohort": "all", "all_modes": True}
    watch = a_watch(instance, memory.upstream, memory.board, memory.registry, heavy=heavy)
    watch.look()
    memory.pull(1, NEW, labels=frozenset({"full"}))

    [_, pull] = watch.look().run_requests or ()

    assert pull.job_name == "trips__all_modes"
    chosen = {"start": "2010-01-01", "end": "2014-01-01", "cohort": "all", "against": MAIN}
    assert pull.run_config == {"ops": {"trips__pin": {"config": chosen}}}


def test_a_cohort_that_there_is_not_is_refused_when_it_is_declared() -> None:
    """Not only when somebody sets the label."""
    with pytest.raises(BadDeclaration, match="no cohort 'none'; there are all"):
        declared(heavy={"cohort": "none"})


def test_paths_are_looked_at_before_a_run_is_asked_for(instance: dg.DagsterInstance, memory: Memory) -> None:
    """And only of heads that would run."""
    watch = a_watch(instance, memory.upstream, memory.board, memory.registry, paths=["src"])
    watch.look()
    memory.upstream.paths |= {OLD: ("README.md",), NEW: ("src/job.py",)}
    memory.pull(1, OLD)
    memory.pull(2, NEW)
    memory.pull(3, MAIN, fork=True, draft=True)

    found = watch.look()

    assert asked(found) == [("0", MAIN), ("2", NEW)]
    assert {head.commit for head in memory.upstream.brought} == {OLD, NEW}


def test_a_second_push_cancels_the_run_of_the_first(watch: Watch, memory: Memory) -> None:
    """And no run of another pull request, or of the same head."""
    watch.look()
    memory.pull(1, OLD)
    memory.pull(2, OLD)
    watch.start(watch.look())
    memory.pull(1, NEW)

    watch.look()

    tags = {run.tags[PULL_TAG]: run.tags.get("dit/superseded") for run in watch.instance.get_runs()}
    assert tags == {"0": None, "1": f"superseded by {NEW}", "2": None}


def test_a_fork_that_waits_is_said_to_wait_once_that_works(watch: Watch, memory: Memory) -> None:
    """The host was away; it is said with the next look, and not again after that."""
    watch.look()
    memory.pull(1, NEW, fork=True)
    memory.board.failures = []
    pulls = memory.board.open_pulls

    def then_fails() -> Mapping[int, PullRequest]:
        memory.board.failures = [BoardUnreachable("away")]
        return {1: memory.board.pulls[1]}

    memory.board.open_pulls = then_fails  # type: ignore[method-assign]  # the host goes away between two requests
    first = watch.look()
    memory.board.open_pulls = pulls  # type: ignore[method-assign]
    assert memory.board.notices == {}
    second = watch.look()
    shown = dict(memory.board.notices)
    memory.board.notices.clear()
    third = watch.look()

    assert [asked(one) for one in (first, second, third)] == [[], [], []]
    assert [notice.state for notice in shown.values()] == [NoticeState.WAITING]
    assert memory.board.notices == {}


def test_a_host_that_is_away_asks_for_nothing(watch: Watch, memory: Memory) -> None:
    """Whether a head is a fork's is not guessed: the look fails, and the next one finds everything."""
    watch.look()
    memory.pull(1, NEW)
    memory.board.failures = [BoardUnreachable("away")]

    with pytest.raises(BoardUnreachable):
        watch.look()

    assert asked(watch.look()) == [("0", MAIN), ("1", NEW)]


def test_a_run_is_shown_from_its_queue_to_its_verdict(watch: Watch, memory: Memory) -> None:
    """On its commit, and in the one comment."""
    watch.look()
    memory.pull(1, NEW)
    [_, run_id] = watch.start(watch.look())
    states, comments = [], []
    for kinds in ((), STARTED, (dg.DagsterEventType.RUN_FAILURE,)):
        watch.become(run_id, *kinds)
        if kinds and kinds[0] is dg.DagsterEventType.RUN_FAILURE:
            memory.report(run_id, NEW)
        watch.show()
        states.append(state(memory, NEW))
        comments.append(memory.board.comments[1, topic("trips")].split("\n")[0])

    assert states == [NoticeState.QUEUED, NoticeState.RUNNING, NoticeState.FAIL]
    assert comments[-1] == "### ✕ trips: FAIL"
    assert list(memory.board.comments) == [(1, topic("trips"))]


@pytest.mark.parametrize(
    ("ended", "report", "expected"),
    [
        pytest.param("RUN_SUCCESS", {}, NoticeState.FAIL, id="the registry says fail"),
        pytest.param("RUN_FAILURE", None, NoticeState.ERROR, id="no report"),
        pytest.param("RUN_SUCCESS", None, NoticeState.ERROR, id="no report, and green"),
        pytest.param("RUN_SUCCESS", {"outcome": "pass", "comparisons": []}, NoticeState.INCONCLUSIVE, id="no pair"),
        pytest.param("RUN_CANCELED", None, NoticeState.CANCELLED, id="cancelled"),
    ],
)
def test_only_a_report_that_passes_is_shown_as_a_pass(
    watch: Watch, memory: Memory, ended: str, report: dict[str, Any] | None, expected: NoticeState
) -> None:
    """Whatever Dagster says of the run."""
    watch.look()
    memory.pull(1, NEW)
    [_, run_id] = watch.start(watch.look())
    watch.become(run_id, *STARTED, dg.DagsterEventType[ended])
    if report is not None:
        memory.report(run_id, NEW, **report)

    watch.show()

    assert state(memory, NEW) is expected


def _passing() -> dict[str, Any]:
    comparisons = [{**one, "outcome": "pass", "passed": True, "verdict": "IDENTICAL"} for one in a_run()["comparisons"]]
    return {"outcome": "pass", "comparisons": comparisons}


@pytest.mark.parametrize(("ended", "expected"), [("RUN_SUCCESS", NoticeState.PASS), ("RUN_FAILURE", NoticeState.ERROR)])
def test_a_pass_needs_the_run_to_have_succeeded(
    watch: Watch, memory: Memory, ended: str, expected: NoticeState
) -> None:
    """Two sources that contradict each other are no pass."""
    watch.look()
    memory.pull(1, NEW)
    [_, run_id] = watch.start(watch.look())
    watch.become(run_id, *STARTED, dg.DagsterEventType[ended])
    memory.report(run_id, NEW, **_passing())

    watch.show()

    assert state(memory, NEW) is expected


def test_the_comment_is_of_the_latest_head(watch: Watch, memory: Memory) -> None:
    """A run of an earlier head that ends later does not take its place."""
    watch.look()
    memory.pull(1, OLD)
    [_, first] = watch.start(watch.look())
    memory.pull(1, NEW)
    [second] = watch.start(watch.look())
    watch.become(second, *STARTED, dg.DagsterEventType.RUN_FAILURE)
    memory.report(second, NEW)
    watch.show()
    watch.become(first, *STARTED, dg.DagsterEventType.RUN_CANCELED)
    watch.show()

    assert state(memory, OLD) is NoticeState.CANCELLED
    assert memory.board.comments[1, topic("trips")].startswith("### ✕ trips: FAIL")


@pytest.mark.parametrize("heavy_first", [True, False], ids=["the heavy one ends first", "the heavy one ends last"])
@pytest.mark.parametrize("heavy_fails", [True, False], ids=["the heavy one fails", "the other one fails"])
def test_a_commit_is_as_good_as_the_worst_of_its_runs(
    instance: dg.DagsterInstance, memory: Memory, heavy_first: bool, heavy_fails: bool
) -> None:
    """A label asks for a heavier run of a head that runs already: whichever ends last, the failure stands."""
    watch = a_watch(instance, memory.upstream, memory.board, memory.registry, heavy={"label": "full", "tail": 9})
    watch.look()
    memory.pull(1, NEW)
    [_, usual] = watch.start(watch.look())
    memory.pull(1, NEW, labels=frozenset({"full"}))
    [heavy] = watch.start(watch.look())
    failing = heavy if heavy_fails else usual
    states = []
    for run in (heavy, usual) if heavy_first else (usual, heavy):
        watch.become(run, *STARTED)
        if run == failing:
            memory.report(run, NEW)
            watch.become(run, dg.DagsterEventType.RUN_FAILURE)
        else:
            memory.report(run, NEW, **_passing())
            watch.become(run, dg.DagsterEventType.RUN_SUCCESS)
        watch.show()
        states.append(state(memory, NEW))

    assert NoticeState.PASS not in states
    assert states[-1] is NoticeState.FAIL
    assert memory.board.comments[1, topic("trips")].startswith("### ✕ trips: FAIL")


def test_a_run_that_is_asked_for_again_takes_the_place_of_the_one_before(watch: Watch, memory: Memory) -> None:
    """Somebody has it run once more: what it comes to now counts."""
    watch.look()
    memory.pull(1, NEW)
    asked_for = watch.look()
    [_, first] = watch.start(asked_for)
    watch.become(first, *STARTED, dg.DagsterEventType.RUN_FAILURE)
    memory.report(first, NEW)
    watch.show()
    failed = state(memory, NEW)
    [_, again] = watch.start(asked_for)
    watch.become(again, *STARTED, dg.DagsterEventType.RUN_SUCCESS)
    memory.report(again, NEW, **_passing())
    watch.show()

    assert (failed, state(memory, NEW)) == (NoticeState.FAIL, NoticeState.PASS)


def test_what_could_not_be_shown_is_shown_later(watch: Watch, memory: Memory) -> None:
    """The host was away for a while; what it refuses for good stands in nobody's way."""
    watch.look()
    memory.pull(1, OLD)
    memory.pull(2, NEW)
    runs = watch.start(watch.look())
    for run_id in runs:
        watch.become(run_id, *STARTED)
    memory.board.failures = [BoardUnreachable("away")]
    watch.show()
    nothing = dict(memory.board.notices)
    memory.board.failures = [BoardRefused("no such commit")]
    watch.show()

    assert nothing == {}
    assert {commit for _, commit in memory.board.notices} == {OLD, NEW}  # the default branch's was refused
    assert {number for number, _ in memory.board.comments} == {1, 2}


def test_a_state_is_shown_once(watch: Watch, memory: Memory) -> None:
    """Looking again, with nothing new, writes nothing."""
    watch.look()
    memory.pull(1, NEW)
    watch.start(watch.look())
    watch.show()
    memory.board.notices.clear()
    memory.board.comments.clear()

    for _ in range(3):
        watch.show()

    assert (memory.board.notices, memory.board.comments) == ({}, {})


def test_without_credentials_verdicts_are_not_shown_and_heads_are_still_run(
    instance: dg.DagsterInstance, memory: Memory
) -> None:
    """Those that a branch of the remote's own stands on; the others wait."""
    watch = a_watch(instance, memory.upstream, None, memory.registry)
    watch.look()
    memory.pull(1, NEW)
    memory.pull(2, OLD)
    memory.upstream.own.add(NEW)

    found, shown = watch.look(), watch.show()

    assert asked(found) == [("0", MAIN), ("1", NEW)]
    assert "no credentials" in str(shown.skip_reason)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedRemote]:
    with served_remote(tmp_path_factory.mktemp("remote")) as remote:
        yield remote


@pytest.fixture
def host() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


def test_a_pull_request_over_the_wire(
    instance: dg.DagsterInstance, served: ServedRemote, host: StandIn, tmp_path: Path
) -> None:
    """git's daemon, the host's API: a head appears, is run, is superseded; a fork waits, and is allowed."""
    Repository.new(tmp_path / "repository")
    upstream = GitUpstream(served.address, "main", tmp_path / "repository", os.environ)
    registry = MemoryRegistry()
    watch = a_watch(instance, upstream, a_board(host), registry)
    watch.look()
    first, second, forked = (served.commit({"job.py": f"print({number})\n"}) for number in range(3))

    host.open_pull(1)
    served.open_pull(1, first)
    opened = watch.look()
    watch.start(opened)
    watch.show()
    served.open_pull(1, second)
    pushed = watch.look()
    [run_id] = watch.start(pushed)
    watch.become(run_id, *STARTED, dg.DagsterEventType.RUN_FAILURE)
    report = {**a_run(), "commit": second, "run_id": run_id}
    registry.append([an_event("run_finished", run_id=run_id, fingerprint=None, payload=report)])
    watch.show()
    host.open_pull(2, fork=True, author="eve")
    served.open_pull(2, forked, fork=True)
    waits = watch.look()
    host.label(2, "dit-allow")
    allowed = watch.look()

    main = served.clone.git("rev-parse", "main")
    assert [asked(one) for one in (opened, pushed, waits, allowed)] == [
        [("0", main), ("1", first)],
        [("1", second)],
        [],
        [("2", forked)],
    ]
    assert (host.check(second)["conclusion"], host.check(forked)["conclusion"]) == ("failure", "action_required")
    assert len(host.texts(1)) == 1
    assert host.texts(1)[0].startswith("<!-- dit trips -->\n### ✕ trips: FAIL")
    assert host.refused == []


def test_five_thousand_refs_are_one_listing_and_a_short_cursor(
    instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory, host: StandIn
) -> None:
    """Nothing is asked of each: one process of git, and the host's list of those that are open."""
    folder = tmp_path_factory.mktemp("many")
    with served_remote(folder) as served:
        commit = served.commit({"job.py": "print(1)\n"})
        served.push(commit, "refs/pull/1/head")
        served.set_refs({f"refs/pull/{number}/head": commit for number in range(2, 5001)})
        Repository.new(folder / "repository")
        upstream = GitUpstream(served.address, "main", folder / "repository", os.environ)
        watch = a_watch(instance, upstream, a_board(host), MemoryRegistry())
        host.open_pull(5000)
        watch.look()
        new = served.commit({"job.py": "print(2)\n"})
        served.open_pull(5000, new)
        host.requests.clear()

        found = watch.look()

    cursor = read(found.cursor)
    assert asked(found) == [("0", served.clone.git("rev-parse", "main")), ("5000", new)]
    assert cursor is not None
    assert (len(cursor.pulls), len(found.cursor or "") < 300_000) == (5000, True)
    assert len(host.requests) == 2
