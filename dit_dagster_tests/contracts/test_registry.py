"""What every Registry promises."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.adapters.memory import MemoryRegistry
from dit_dagster.adapters.registry import WarehouseRegistry
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.ports import ON_BEHALF, Claim, Event, Field, Held, Registry

MakeRegistry = Callable[..., Registry]
THREADS = 8
SOON = 0.3
"""Seconds of patience for tests in which a holder falls silent."""


@pytest.fixture(params=["memory", "warehouse"])
def connect(request: pytest.FixtureRequest) -> MakeRegistry:
    """Makes a registry; what is made in one test is one registry, as several processes would see it."""
    if request.param == "memory":
        one = MemoryRegistry()

        def in_memory(patience: float = 60.0) -> Registry:
            one.patience = patience
            return one

        return in_memory
    warehouse: BigQueryWarehouse = request.getfixturevalue("warehouse")
    place: DatasetName = request.getfixturevalue("module_dataset")

    def in_warehouse(patience: float = 60.0) -> Registry:
        return WarehouseRegistry(warehouse, place, patience=patience)

    return in_warehouse


def new_name(length: int = 64) -> str:
    return secrets.token_hex(length // 2)


def an_event(kind: str = "note", **changes: Any) -> Event:
    event = Event(kind=kind, run_id=f"run-{new_name(12)}", pipeline="trips", fingerprint=None, payload={"n": 1})
    return replace(event, **changes)


def taken(registry: Registry, fingerprint: str, run_id: str = "run-first", **options: Any) -> Claim:
    claim = registry.claim(fingerprint, run_id=run_id, pipeline="trips", **options)
    assert isinstance(claim, Claim)
    return claim


def a_record(claim: Claim) -> Event:
    payload = {"epoch": claim.epoch, "by": claim.run_id}
    return an_event("committed", run_id=claim.run_id, fingerprint=claim.fingerprint, payload=payload)


def committed(registry: Registry, fingerprint: str) -> list[Any]:
    return [event.payload["by"] for event in registry.of_fingerprints(["committed"], [fingerprint])]


def test_an_event_comes_back_as_it_was_recorded(connect: MakeRegistry) -> None:
    """With the server's time and an id of its own beside what was given."""
    payload: dict[str, Any] = {"text": 'it\'s\n"é" ☃', "none": None, "list": [1, 2.5, True], "deep": {"a": {}}}
    given = an_event(fingerprint=new_name(), payload=payload)
    registry = connect()

    registry.append([given])

    [found] = registry.of_run(given.run_id)
    assert replace(found, at=None, event_id=None) == given
    assert found.at is not None
    assert found.event_id


def test_events_come_in_the_order_in_which_they_were_recorded(connect: MakeRegistry) -> None:
    """Within one call and from call to call."""
    registry = connect()
    run_id = f"run-{new_name(12)}"

    registry.append([an_event(run_id=run_id, payload={"n": n}) for n in range(3)])
    registry.append([an_event(run_id=run_id, payload={"n": n}) for n in range(3, 5)])

    assert [event.payload["n"] for event in registry.of_run(run_id)] == [0, 1, 2, 3, 4]


def test_appending_twice_records_once(connect: MakeRegistry) -> None:
    """A call that is repeated after a lost answer changes nothing: an event is its id."""
    registry = connect()
    event = an_event(event_id=new_name(32))

    registry.append([event])
    registry.append([event])

    assert len(registry.of_run(event.run_id)) == 1


def test_appending_nothing_is_no_error(connect: MakeRegistry) -> None:
    """An empty call leaves the registry as it is."""
    registry = connect()

    registry.append([])

    assert registry.of_run(f"run-{new_name(12)}") == ()


def test_what_is_no_json_is_not_recorded(connect: MakeRegistry) -> None:
    """All of a call's events, or none."""
    registry = connect()
    good = an_event()

    with pytest.raises(TypeError):
        registry.append([good, an_event(payload={"set": {1}})])

    assert registry.of_run(good.run_id) == ()


def test_fingerprints_are_looked_up_in_one_call(connect: MakeRegistry) -> None:
    """Only the kinds and addresses that were asked for; none for no address."""
    registry = connect()
    first, second, other = new_name(), new_name(), new_name()
    registry.append([an_event("digest", fingerprint=name) for name in (first, second, other)])
    registry.append([an_event("verdict", fingerprint=first)])

    found = registry.of_fingerprints(["digest"], [first, second, new_name()])

    assert [(event.kind, event.fingerprint) for event in found] == [("digest", first), ("digest", second)]
    assert registry.of_fingerprints(["digest"], []) == ()


def test_the_newest_of_a_pipeline_come_first(connect: MakeRegistry) -> None:
    """As many as were asked for; None stands for every pipeline."""
    registry = connect()
    kind = f"kind_{new_name(8)}"
    for number, pipeline in enumerate(("a", "b", "a", "a")):
        registry.append([an_event(kind, pipeline=pipeline, payload={"n": number})])

    def numbers(pipeline: str | None, limit: int) -> list[Any]:
        return [event.payload["n"] for event in registry.of_pipeline(kind, pipeline, limit)]

    assert (numbers("a", 2), numbers(None, 3), numbers("c", 3)) == ([3, 2], [3, 2, 1], [])


def test_since_goes_on_where_it_ended(connect: MakeRegistry) -> None:
    """Oldest first, after the time of the last one that was seen."""
    registry = connect()
    kind = f"kind_{new_name(8)}"
    for number in range(4):
        registry.append([an_event(kind, payload={"n": number})])

    first = registry.since([kind], None, 2)
    rest = registry.since([kind], first[-1].at, 10)

    assert [event.payload["n"] for event in (*first, *rest)] == [0, 1, 2, 3]
    assert registry.since([kind], rest[-1].at, 10) == ()


def test_since_leaves_out_what_nobody_needs(connect: MakeRegistry) -> None:
    """The payload of some kinds can be large."""
    registry = connect()
    large, small = (f"kind_{new_name(8)}" for _ in range(2))
    registry.append([an_event(large, payload={"n": 1})])
    registry.append([an_event(small, payload={"n": 2})])

    found = registry.since([large, small], None, 10, bare=[large])

    assert [(event.kind, event.payload) for event in found] == [(large, {}), (small, {"n": 2})]


def test_since_never_divides_what_was_recorded_together(connect: MakeRegistry) -> None:
    """Events of one call have one time: a limit that cut between them would lose the rest for good."""
    registry = connect()
    kind = f"kind_{new_name(8)}"
    registry.append([an_event(kind, payload={"n": number}) for number in range(5)])

    seen: list[Any] = []
    latest = None
    while page := registry.since([kind], latest, 2):
        seen += [event.payload["n"] for event in page]
        latest = page[-1].at

    assert seen == [0, 1, 2, 3, 4]


def test_a_claim_is_held_until_it_is_released(connect: MakeRegistry) -> None:
    """The second who asks learns who has it, and gets it afterwards."""
    registry, fingerprint = connect(), new_name()
    first = taken(registry, fingerprint)

    held = connect().claim(fingerprint, run_id="run-second", pipeline="trips")
    registry.release(first)
    second = taken(connect(), fingerprint, "run-second")

    assert isinstance(held, Held)
    assert (held.run_id, held.silent < 60) == ("run-first", True)
    assert (second.generation > first.generation, second.epoch) == (True, first.epoch)


def test_of_many_who_claim_at_once_one_wins(connect: MakeRegistry) -> None:
    """Eight threads, each with a connection of its own, ask for each of three fingerprints."""
    registries = [connect() for _ in range(THREADS)]
    registries[0].append([an_event()])
    with ThreadPoolExecutor(THREADS) as pool:
        for fingerprint in (new_name(), new_name(), new_name()):

            def ask(number: int, fingerprint: str = fingerprint) -> Claim | Held:
                return registries[number].claim(fingerprint, run_id=f"run-{number}", pipeline="trips")

            answers = list(pool.map(ask, range(THREADS)))

            assert sum(isinstance(answer, Claim) for answer in answers) == 1


def test_releasing_twice_is_no_error(connect: MakeRegistry) -> None:
    """And takes nothing away from whoever has it by then."""
    registry, fingerprint = connect(), new_name()
    first = taken(registry, fingerprint)
    registry.release(first)
    second = taken(registry, fingerprint, "run-second")

    registry.release(first)

    held = registry.claim(fingerprint, run_id="run-third", pipeline="trips")
    assert isinstance(held, Held)
    assert held.run_id == second.run_id


def test_a_silent_holder_is_taken_over(connect: MakeRegistry) -> None:
    """After `patience` seconds without a sign of life; then the next generation begins."""
    registry, fingerprint = connect(SOON), new_name()
    first = taken(registry, fingerprint)

    time.sleep(2 * SOON)
    second = taken(registry, fingerprint, "run-second")

    assert second.generation > first.generation


def test_a_holder_that_beats_is_not_taken_over(connect: MakeRegistry) -> None:
    """However long it takes. Where the machine itself was too slow to tell, the next round has more patience."""
    for patience in (2.0, 8.0, 32.0, 128.0):
        registry, fingerprint = connect(patience), new_name()
        answer, silent = beaten_for(registry, taken(registry, fingerprint), patience + 0.5)
        if silent < patience:
            break

    assert silent < patience
    assert isinstance(answer, Held)


def beaten_for(registry: Registry, claim: Claim, seconds: float) -> tuple[Claim | Held, float]:
    """What somebody else is told after beats of so many seconds, and for how long at most there was none by then."""
    begun = beaten = time.monotonic()
    while beaten < begun + seconds:
        time.sleep(0.2)
        beaten = time.monotonic()
        registry.beat([claim])
    answer = registry.claim(claim.fingerprint, run_id="run-second", pipeline="trips")
    return answer, time.monotonic() - beaten


def test_beating_for_nothing_is_no_error(connect: MakeRegistry) -> None:
    """A run between two phases holds no claim."""
    connect().beat([])


def test_a_note_is_recorded_with_the_claim(connect: MakeRegistry) -> None:
    """Who finds the claim later knows what was going to be computed."""
    registry, fingerprint = connect(), new_name()

    claim = taken(registry, fingerprint, note={"prefix": "p"})

    [event] = registry.of_fingerprints(["claimed"], [fingerprint])
    assert event.payload == {"prefix": "p", "generation": claim.generation, "epoch": claim.epoch}


def test_trap_35_the_claim_is_recorded_before_the_work(connect: MakeRegistry) -> None:
    """Trap 35: whoever holds a claim has a row in the registry, whatever becomes of it."""
    registry, fingerprint = connect(), new_name()

    claim = taken(registry, fingerprint)

    assert [event.run_id for event in registry.of_fingerprints(["claimed"], [fingerprint])] == [claim.run_id]


def test_a_commit_records_the_state_and_what_is_known_of_it(connect: MakeRegistry) -> None:
    """In one step, with the claim's numbers; the claim is given back by it."""
    registry, fingerprint = connect(), new_name()
    claim = taken(registry, fingerprint)

    won = registry.commit(claim, a_record(claim), [an_event("digest", fingerprint=fingerprint)])

    [record] = registry.of_fingerprints(["committed"], [fingerprint])
    assert (won, record.payload["epoch"], record.payload["generation"]) == (True, claim.epoch, claim.generation)
    assert len(registry.of_fingerprints(["digest"], [fingerprint])) == 1
    assert taken(registry, fingerprint, "run-next").epoch == claim.epoch + 1


def test_of_two_generations_one_commits(connect: MakeRegistry) -> None:
    """A holder that was taken over and comes back too late records nothing at all."""
    registry, fingerprint = connect(SOON), new_name()
    first = taken(registry, fingerprint)
    time.sleep(2 * SOON)
    second = taken(registry, fingerprint, "run-second")
    connect(60.0)

    answers = (
        registry.commit(second, a_record(second)),
        registry.commit(first, a_record(first), [an_event("digest", fingerprint=fingerprint)]),
    )

    assert answers == (True, False)
    assert committed(registry, fingerprint) == ["run-second"]
    assert registry.of_fingerprints(["digest"], [fingerprint]) == ()


def test_of_many_who_commit_at_once_one_wins(connect: MakeRegistry) -> None:
    """Eight generations of one claim, each taken over from the one before, commit in the same moment."""
    impatient, fingerprint = connect(0.0), new_name()
    claims = [taken(impatient, fingerprint, f"run-{number}") for number in range(THREADS)]
    registries = [connect(60.0) for _ in claims]

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(
            pool.map(lambda own: own[0].commit(own[1], a_record(own[1])), zip(registries, claims, strict=True))
        )

    winner = claims[answers.index(True)]
    assert (answers.count(True), committed(registries[0], fingerprint)) == (1, [winner.run_id])


def test_a_process_that_slept_for_a_day_commits_nothing_twice(
    connect: MakeRegistry, warehouse: BigQueryWarehouse, module_dataset: DatasetName
) -> None:
    """The mark of the commit that another made meanwhile has expired; what is recorded has not."""
    registry, fingerprint = connect(SOON), new_name()
    first = replace(taken(registry, fingerprint), since=time.time() - 86_400)
    time.sleep(2 * SOON)
    second = taken(registry, fingerprint, "run-second")
    connect(60.0)
    assert registry.commit(second, a_record(second))
    warehouse.drop(module_dataset.table(f"dit_commit_{fingerprint}_{second.epoch}"))

    assert registry.commit(first, a_record(first)) is False
    assert committed(registry, fingerprint) == ["run-second"]


class Repeating(BigQueryWarehouse):
    """Makes every table twice, as a client does that asks again since the first answer was lost."""

    def create(self, name: TableName, schema: Sequence[Field], **options: Any) -> None:
        super().create(name, schema, **options)
        super().create(name, schema, **options)


def test_who_gets_no_answer_knows_its_own_claim_and_commit_again(
    local_cloud: LocalCloud, module_dataset: DatasetName
) -> None:
    """The second request is refused, and what stands there is what the first one made."""
    warehouse = Repeating.local(rest=local_cloud.rest, project=local_cloud.project)
    registry, fingerprint = WarehouseRegistry(warehouse, module_dataset), new_name()

    claim = taken(registry, fingerprint)

    assert registry.commit(claim, a_record(claim))
    assert isinstance(registry.claim(fingerprint, run_id="run-next", pipeline="trips"), Claim)


def test_a_later_commit_is_a_later_epoch(connect: MakeRegistry) -> None:
    """A state that is computed again is recorded beside the first, with the next number."""
    registry, fingerprint = connect(), new_name()
    for run_id in ("run-first", "run-second"):
        claim = taken(registry, fingerprint, run_id)
        registry.commit(claim, a_record(claim))

    epochs = [event.payload["epoch"] for event in registry.of_fingerprints(["committed"], [fingerprint])]

    assert epochs == [0, 1]


def test_a_run_is_heard_of_by_what_it_wrote_itself(connect: MakeRegistry) -> None:
    """What others write about it is no sign of life."""
    registry = connect()
    run_id, quiet = f"run-{new_name(12)}", f"run-{new_name(12)}"
    registry.append([an_event(run_id=run_id)])
    [own] = registry.of_run(run_id)

    registry.append([an_event(kind, run_id=one) for kind in ON_BEHALF for one in (run_id, quiet)])

    heard = registry.heard()
    assert (heard.runs.get(run_id), quiet in heard.runs) == (own.at, False)
    assert own.at is not None
    assert heard.now >= own.at
