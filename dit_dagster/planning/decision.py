"""Run or reuse: the only place where that is decided.

`decide` works from the leaves up. A leaf that is known and still as it was recorded is reused; otherwise it runs, and
what it starts from is needed too. `dit explain` prints the value, the orchestrator obeys it, the report stores it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dit_dagster.errors import NothingToResume
from dit_dagster.model.identity import Fingerprint, TableName
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.resumption import PhaseAt, Resume
from dit_dagster.model.state import PhaseRecord
from dit_dagster.planning.fingerprint import SCHEMA_VERSION
from dit_dagster.planning.plan import Node, Plan
from dit_dagster.ports import UNKNOWN_ENVIRONMENT, TableFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a phase runs. `kind` is one of REASON_KINDS; `detail` names what changed."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


REASON_KINDS = (
    "never ran",
    "code",
    "steps",
    "container",
    "parameters",
    "source",
    "mutation",
    "replica",
    "parent",
    "output",
    "expired",
    "unfinished",
    "opaque",
    "forced",
)
"""In the order in which they are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The phase will be executed. `known_epoch` is the latest commit that was looked at: a later one is news."""

    reasons: tuple[Reason, ...]
    known_epoch: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """The recorded state stands, and is what the phase would produce."""

    record: PhaseRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNeeded:
    """The state is gone, and nothing that will run starts from it. `record` is what is remembered of it."""

    record: PhaseRecord | None = None


Decision = Run | Reuse | NotNeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownState:
    """The evidence about one fingerprint: what was committed, and what the warehouse says of its tables now.

    `expired`: the clean-up has taken this state, or is about to, whatever its tables look like. `altered` says how its
    tables hold something else than was committed, if they were read again.
    """

    record: PhaseRecord | None
    facts: Mapping[TableName, TableFacts]
    expired: bool = False
    altered: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is known when a plan is decided. `predecessors` is the latest record at each (mode, place)."""

    states: Mapping[Fingerprint, KnownState]
    predecessors: Mapping[tuple[str, int], PhaseRecord]


NOTHING_KNOWN = KnownState(record=None, facts={})


def decide(plan: Plan, known: Known) -> Mapping[Fingerprint, Decision]:
    """Decide every node of the plan, in the plan's order."""
    forced = forced_phases(plan)
    damage = {name: _damage(known.states.get(name, NOTHING_KNOWN)) for name in plan.nodes}
    usable = {name for name, problem in damage.items() if problem is None and name not in forced}
    needed = _needed(plan, usable)
    decisions: dict[Fingerprint, Decision] = {}
    for name, node in plan.nodes.items():
        record = known.states.get(name, NOTHING_KNOWN).record
        if name in usable and record is not None:
            decisions[name] = Reuse(record=record)
        elif name in needed:
            epoch = record.epoch if record is not None else -1
            reasons = tuple(_reasons(node, known, damage[name], forced.get(name)))
            decisions[name] = Run(reasons=reasons, known_epoch=epoch)
        else:
            decisions[name] = NotNeeded(record=record)
    return decisions


def forced_phases(plan: Plan) -> Mapping[Fingerprint, Reason]:
    """The phases that run whatever is known, each with the reason."""
    request = plan.request
    if request.force or request.resume is Resume.NEVER:
        option = "--force" if request.force else "--resume never"
        return dict.fromkeys(plan.nodes, Reason(kind="forced", detail=option))
    if request.pipeline.opaque_hooks:
        return dict.fromkeys(plan.nodes, Reason(kind="opaque", detail=opaque(request.pipeline)))
    if request.from_phase is None:
        return {}
    start = plan.mode(request.from_phase.mode).path[request.from_phase.number - 1]
    return dict.fromkeys(
        plan.with_descendants(start), Reason(kind="forced", detail=f"--from-phase {request.from_phase}")
    )


def opaque(pipeline: Pipeline) -> str:
    """Why nothing of a pipeline is reused whose hooks cannot be hashed."""
    return f"hook {', '.join(pipeline.opaque_hooks)} is neither hashed nor has a version"


def refuse_fresh_start(plan: Plan, decisions: Mapping[Fingerprint, Decision]) -> None:
    """NothingToResume if the run must resume, and a mode of it would begin from nothing.

    A mode whose last state stands, or an ancestor of what must run, goes on from there; one whose first phase must run
    does not.
    """
    if plan.request.resume is not Resume.ALWAYS:
        return
    for name, decided in decisions.items():
        node = plan.nodes[name]
        if node.parent is None and isinstance(decided, Run):
            mode, index = node.position
            why = "; ".join(str(reason) for reason in decided.reasons)
            raise NothingToResume(
                f"--resume always: {PhaseAt(mode, index + 1)} {node.window} would run from nothing ({why}); "
                "run with --resume if-possible, which is the default"
            )


def _needed(plan: Plan, usable: set[Fingerprint]) -> frozenset[Fingerprint]:
    """The leaves, and whatever a needed phase that must run starts from."""
    needed: set[Fingerprint] = set()
    open_ends = [mode.leaf for mode in plan.selected]
    while open_ends:
        current = open_ends.pop()
        if current in needed:
            continue
        needed.add(current)
        if current not in usable:
            open_ends.extend(plan.nodes[current].parents)
    return frozenset(needed)


def _damage(state: KnownState) -> Reason | None:
    """Why a recorded state cannot be used; None if it is as it was recorded."""
    record = state.record
    if record is None:
        return Reason(kind="never ran", detail="")
    if record.schema_version != SCHEMA_VERSION:
        return Reason(kind="never ran", detail="only under another version of this project")
    if state.expired:
        return Reason(kind="expired", detail="")
    changed = changed_since(record, state.facts) or state.altered
    return Reason(kind="output", detail=changed) if changed else None


def changed_since(record: PhaseRecord, facts: Mapping[TableName, TableFacts]) -> str | None:
    """How the tables of a state are no longer what was committed; None if they are."""
    for table in record.tables:
        now = facts.get(table.name)
        if now is None:
            return f"{table.role} is gone"
        if (now.kind, now.created.isoformat(), now.etag) != (table.kind, table.created, table.etag):
            return f"{table.role} was changed after it was committed"
    return None


def _reasons(node: Node, known: Known, damage: Reason | None, forced: Reason | None) -> Iterator[Reason]:
    if damage is not None and damage.kind == "never ran":
        predecessor = known.predecessors.get(node.position)
        changes = tuple(_changes(node, predecessor)) if predecessor is not None else ()
        yield from changes or (damage,)
    elif damage is not None:
        yield damage
    if forced is not None:
        yield forced


def _changes(node: Node, predecessor: PhaseRecord) -> Iterator[Reason]:
    """What differs from the latest record at the same mode and place, completely and in fixed order."""
    before, now = predecessor.inputs, node.inputs.to_json()
    if before.get("window") != now["window"] or predecessor.schema_version != SCHEMA_VERSION:
        return
    if before.get("code") != now["code"]:
        yield Reason(kind="code", detail=_code(before.get("code", {}), now["code"]))
    if before.get("steps") != now["steps"]:
        yield Reason(kind="steps", detail="the declared steps changed")
    if before.get("container") != now.get("container"):
        yield Reason(kind="container", detail="where or how the steps run changed")
    yield from _named("parameters", before.get("parameters", {}), now["parameters"])
    yield from _named("source", before.get("sources", {}), now["sources"])
    for kind, detail in (("mutation", "its recipe changed"), ("replica", "another replica")):
        if before.get(kind) != now[kind]:
            yield Reason(kind=kind, detail=detail)
    if before.get("parents") != now["parents"]:
        yield Reason(kind="parent", detail="it starts from another state")


def _code(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    parts = [name for name in ("tree", "environment", "image") if before.get(name) != now.get(name)]
    return ", ".join(f"{part} {_short(before.get(part))} -> {_short(now.get(part))}" for part in parts)


def _short(identity: object) -> str:
    return str(identity) if identity == UNKNOWN_ENVIRONMENT else str(identity)[:12]


def _named(kind: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Reason]:
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        yield Reason(kind=kind, detail=f"{', '.join(changed)} changed")
