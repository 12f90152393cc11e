"""The plan: every distinct phase once, in the order in which it can run, and every pair that will be compared.

The phases of all modes start from empty outputs, so equal beginnings are one node. Mutations whose keys come from a
reference output give their phase a second parent. What is run, what is compared and what is reported are all read
from this one value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dit_dagster.errors import UsageError
from dit_dagster.model.experiment import CodeIdentity, Request, Sources
from dit_dagster.model.golden import LABEL, Golden
from dit_dagster.model.identity import Fingerprint, content_hash
from dit_dagster.model.mode import OUTAGE
from dit_dagster.model.mutation import ChosenBy, Mutation, RestrictKeys
from dit_dagster.model.window import Window
from dit_dagster.planning.fingerprint import PhaseInputs, container_identity, hook_identity, step_identity
from dit_dagster.planning.modes import Calendar, ResolvedPhase, calendar, dated, resolve, uncovered


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One distinct phase. `position` is the first mode and place at which it stands."""

    fingerprint: Fingerprint
    inputs: PhaseInputs
    window: Window
    mutation: tuple[Mutation, ...]
    parent: Fingerprint | None
    reference: Fingerprint | None
    position: tuple[str, int]

    @property
    def parents(self) -> tuple[Fingerprint, ...]:
        return tuple(parent for parent in (self.parent, self.reference) if parent is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMode:
    """A mode as a path through the nodes. `selected` is false for a reference that only a mutation needs."""

    name: str
    path: tuple[Fingerprint, ...]
    selected: bool
    compared_with: str | None
    replica: int
    before_recovery: Fingerprint | None
    mutated: tuple[Fingerprint, ...]

    @property
    def leaf(self) -> Fingerprint:
        return self.path[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One comparison to make: `left` is the reference."""

    output: str
    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPair:
    """A comparison that cannot be made, and why. It is reported, never left out."""

    output: str
    left: str
    right: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenPair:
    """One comparison of a mode's output with the golden state, whatever mode that is of."""

    output: str
    right: str
    golden: Golden
    left: str = LABEL


AnyPair = Pair | GoldenPair | NoPair


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do, apart from what can be reused."""

    request: Request
    calendar: Calendar
    code: CodeIdentity
    sources: Sources
    modes: tuple[PlannedMode, ...]
    nodes: Mapping[Fingerprint, Node] = field(repr=False)
    pairs: tuple[AnyPair, ...]

    @property
    def selected(self) -> tuple[PlannedMode, ...]:
        return tuple(mode for mode in self.modes if mode.selected)

    @property
    def naive_invocations(self) -> int:
        return sum(len(mode.path) for mode in self.selected)

    @property
    def naive_source_days(self) -> int:
        return sum(self.nodes[step].window.days for mode in self.selected for step in mode.path)

    @property
    def compared(self) -> frozenset[Fingerprint]:
        """The states whose contents a verdict of this plan rests on; any other is digested when somebody asks."""
        ends = {mode.leaf for mode in self.modes}
        return frozenset(ends | {mode.before_recovery for mode in self.modes if mode.before_recovery is not None})

    @property
    def hash(self) -> str:
        """Tells whether two processes hold the same plan."""
        return content_hash({"modes": {mode.name: list(mode.path) for mode in self.modes}})

    def depths(self) -> Mapping[Fingerprint, int]:
        """How many phases must follow one another from each one on: the longest chain decides when a run ends."""
        found = dict.fromkeys(self.nodes, 1)
        for name, node in reversed(list(self.nodes.items())):
            for parent in node.parents:
                found[parent] = max(found[parent], found[name] + 1)
        return found

    def with_descendants(self, start: Fingerprint) -> frozenset[Fingerprint]:
        """A phase, and all that stands on it, in whichever mode."""
        found = {start}
        for name, node in self.nodes.items():  # in an order in which they can run: parents come first
            if found.intersection(node.parents):
                found.add(name)
        return frozenset(found)

    def mode(self, name: str) -> PlannedMode:
        return next(mode for mode in self.modes if mode.name == name)

    def nodes_of(self, modes: tuple[str, ...]) -> frozenset[Fingerprint]:
        """Every node that these modes stand on, references included."""
        wanted: set[Fingerprint] = set()
        open_ends = [self.mode(name).leaf for name in modes]
        while open_ends:
            current = open_ends.pop()
            if current not in wanted:
                wanted.add(current)
                open_ends.extend(self.nodes[current].parents)
        return frozenset(wanted)


def make_plan(request: Request, code: CodeIdentity, sources: Sources) -> Plan:
    """Plan a request. Raises UsageError (or a kind of it) before anything has happened."""
    _distinct(request.modes)
    dates = calendar(request.pipeline, request.window, request.tail, request.lookback)
    builder = _Builder(request, dates, code, sources)
    for name in request.modes:
        builder.mode(name)
    modes = tuple(builder.modes.values())
    if request.from_phase is not None:
        request.from_phase.refuse_unless_among({mode.name: len(mode.path) for mode in modes})
    ordered = (*(mode for mode in modes if mode.selected), *(mode for mode in modes if not mode.selected))
    return Plan(
        request=request,
        calendar=dates,
        code=code,
        sources=sources,
        modes=ordered,
        nodes=builder.nodes,
        pairs=tuple(_pairs(request, builder.modes)),
    )


def _distinct(modes: tuple[str, ...]) -> None:
    if not modes:
        raise UsageError("--modes is empty; name at least one mode")
    twice = sorted({name for name in modes if modes.count(name) > 1})
    if twice:
        raise UsageError(f"mode {twice[0]!r} stands twice in --modes; name each mode once")


class _Builder:
    """Grows the tree: nodes by fingerprint, in the order in which they can run."""

    def __init__(self, request: Request, dates: Calendar, code: CodeIdentity, sources: Sources) -> None:
        self._request = request
        self._dates = dates
        self._code = code
        self._sources = sources
        self.nodes: dict[Fingerprint, Node] = {}
        self.modes: dict[str, PlannedMode] = {}
        self._resolving: list[str] = []

    def mode(self, name: str) -> PlannedMode:
        """Plan one mode, and before it the modes that its mutations refer to."""
        if name in self.modes:
            return self.modes[name]
        if name in self._resolving:
            raise UsageError(f"mode {name!r} chooses its keys from its own output; choose them from another mode")
        self._resolving.append(name)
        phases = resolve(self._request.pipeline, name, self._dates)
        self._covers(name, phases)
        path: list[Fingerprint] = []
        for index, phase in enumerate(phases):
            path.append(self._node(name, index, phase, path[-1] if path else None))
        self.modes[name] = self._planned(name, phases, tuple(path))
        self._resolving.pop()
        return self.modes[name]

    def _covers(self, name: str, phases: tuple[ResolvedPhase, ...]) -> None:
        days = uncovered(phases, self._request.window, owns_to_end=self._request.pipeline.owns_to_end)
        if days:
            raise UsageError(
                f"mode {name!r} does not end covering {self._request.window}: {len(days)} days off, first {days[0]}; "
                "check the mode's phases and owns_to_end"
            )

    def _planned(self, name: str, phases: tuple[ResolvedPhase, ...], path: tuple[Fingerprint, ...]) -> PlannedMode:
        declared = self._request.pipeline.mode(name)
        mutated = [index for index, phase in enumerate(phases) if phase.mutation]
        recovers = bool(mutated) and mutated[-1] + 1 < len(phases)
        return PlannedMode(
            name=name,
            path=path,
            selected=name in self._request.modes,
            compared_with=declared.compared_with,
            replica=declared.replica,
            before_recovery=path[mutated[-1]] if recovers else None,
            mutated=tuple(path[index] for index in mutated),
        )

    def _node(self, mode: str, index: int, phase: ResolvedPhase, parent: Fingerprint | None) -> Fingerprint:
        pipeline = self._request.pipeline
        mutation = pipeline.mutation(phase.mutation) if phase.mutation else ()
        reference = self._reference(mutation)
        inputs = PhaseInputs(
            code=self._code,
            steps=tuple(self._steps(phase.window)),
            window=phase.window,
            parameters=pipeline.parameters,
            sources=self._sources,
            mutation=tuple(self.recipe(one) for one in mutation),
            replica=pipeline.mode(mode).replica,
            private_to=f"{mode}/{index}" if pipeline.sharing == "off" else None,
            parents=tuple(found for found in (parent, reference) if found is not None),
            container=container_identity(pipeline),
        )
        fingerprint = inputs.fingerprint
        if fingerprint not in self.nodes:
            self.nodes[fingerprint] = Node(
                fingerprint=fingerprint,
                inputs=inputs,
                window=phase.window,
                mutation=mutation,
                parent=parent,
                reference=reference,
                position=(mode, index),
            )
        return fingerprint

    def _steps(self, window: Window) -> Iterator[Mapping[str, Any]]:
        """Each step, and after it its hooks."""
        pipeline = self._request.pipeline
        for step in pipeline.steps:
            yield step_identity(step, window, self._request.window)
            yield from (hook_identity(hook) for hook in pipeline.hooks if hook.after == step.name)

    def _reference(self, mutation: tuple[Mutation, ...]) -> Fingerprint | None:
        chosen = [one.chosen_by for one in mutation if isinstance(one, RestrictKeys) and one.chosen_by]
        return self.mode(chosen[0].mode).leaf if chosen else None

    def recipe(self, mutation: Mutation) -> dict[str, Any]:
        """The mutation as declared, with what it takes from elsewhere: an outage's dates and day, the table of keys."""
        pipeline = self._request.pipeline
        recipe: dict[str, Any] = mutation.model_dump(mode="json")
        if recipe.get("where") == "{outage}" and self._dates.outage is not None:
            days = [self._dates.outage.start.isoformat(), self._dates.outage.end.isoformat()]
            recipe["where"] = {OUTAGE: days, "day": pipeline.sources[mutation.source].day}
        if isinstance(mutation, RestrictKeys) and mutation.chosen_by is not None:
            recipe["chosen_by"] = self._choice(mutation.chosen_by)
        return recipe

    def _choice(self, chosen: ChosenBy) -> dict[str, Any]:
        """How keys are chosen, with its dates. What is usual is left out: it was before it could be declared."""
        output = self._request.pipeline.outputs[chosen.output]
        choice: dict[str, Any] = {
            **chosen.model_dump(mode="json", exclude_defaults=True, exclude={"mode", "where"}),
            "mode": chosen.mode,
            "where": dated(chosen.where, self._dates),
            "view": output.compared if output.sharded == "on" else output.view,
        }
        return choice


def _pairs(request: Request, modes: Mapping[str, PlannedMode]) -> Iterator[AnyPair]:
    """A star: every mode against the reference, which is the declared one if selected, else the first selected.

    The golden state, if it is asked for, is compared with the reference, whatever mode it is of.
    """
    declared = [name for name in request.pipeline.available_modes if name in request.modes]
    reference = request.pipeline.reference if request.pipeline.reference in request.modes else declared[0]
    others = [name for name in declared if name != reference]
    for output in request.pipeline.outputs:
        if request.with_golden:
            yield _golden_pair(request, output, reference)
        elif not others:
            reason = f"only {reference} was run; add a mode to --modes"
            yield NoPair(output=output, left=reference, right=reference, reason=reason)
        for name in others:
            with_mode = modes[name].compared_with or reference
            nothing = _nothing_to_compare(modes, with_mode, name, request.modes)
            if nothing is None:
                yield Pair(output=output, left=with_mode, right=name)
            else:
                yield NoPair(output=output, left=with_mode, right=name, reason=nothing)


def _golden_pair(request: Request, output: str, mode: str) -> GoldenPair | NoPair:
    if request.golden is None:
        remedy = f"'dit golden set {request.pipeline.name} --commit REF' sets one"
        return NoPair(output=output, left=LABEL, right=mode, reason=f"no golden state is set; {remedy}")
    return GoldenPair(output=output, right=mode, golden=request.golden)


def _nothing_to_compare(
    modes: Mapping[str, PlannedMode], left: str, right: str, selected: tuple[str, ...]
) -> str | None:
    """Why a comparison of two modes would prove nothing, or None."""
    if left not in selected:
        return f"{right} is compared with {left} only, which was not run; add it to --modes"
    if modes[left].leaf == modes[right].leaf:
        return f"{left} and {right} are the very same phases, so that their state would be compared with itself"
    return None
