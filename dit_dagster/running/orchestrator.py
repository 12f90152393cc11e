"""Obey the decisions: run what must run, as much at once as allowed, and account for every phase.

Every phase gets exactly one outcome. A failure blocks only what descends from it. A fingerprint is computed once,
whoever asks: the registry's claim goes to one, the others give their slot back, wait, and take over its result.
"""

from __future__ import annotations

import contextlib
import errno
import signal
import threading
import time
import traceback
from collections.abc import Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from dit_dagster.errors import (
    BadDeclaration,
    DitError,
    EnvironmentFailed,
    InfrastructureError,
    Interrupted,
    StateInvalid,
)
from dit_dagster.model.identity import Fingerprint, TableName
from dit_dagster.model.outcome import (
    Blocked,
    Cancelled,
    Failed,
    NotNeeded,
    PhaseOutcome,
    Ran,
    Reused,
    record_of,
)
from dit_dagster.model.state import PhaseRecord
from dit_dagster.planning import decision
from dit_dagster.planning.plan import Node, Plan
from dit_dagster.ports import Checkout, Claim, Environment, Event, Held
from dit_dagster.running.line import Line
from dit_dagster.running.names import state_prefix
from dit_dagster.running.phase import Attempt, Committable, attempt_phase, compared_role
from dit_dagster.running.pulse import beating, cancel_requested
from dit_dagster.running.sources import Inputs
from dit_dagster.running.workplace import Note, Watch, Workplace

_WAIT_SECONDS = 1.0
_MOMENT_SECONDS = 0.2
_Work = Future[PhaseOutcome | Held]


class Stop:
    """Asked once, from a signal handler or another thread; obeyed by everything that runs."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal: int | None = None

    def ask(self, signal: int) -> None:
        self.signal = self.signal or signal
        self._event.set()

    def __call__(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)


class Orchestrator:
    """Executes the nodes of one plan. One instance per run."""

    def __init__(
        self,
        *,
        plan: Plan,
        decisions: Mapping[Fingerprint, decision.Decision],
        run_id: str,
        workplace: Workplace,
        stop: Stop,
        watch: Watch,
    ) -> None:
        self._plan = plan
        self._decisions = decisions
        self._run_id = run_id
        self._workplace = workplace
        self._stop = stop
        self._watch = watch
        self._line = Line(limit=plan.request.jobs, depths=plan.depths())
        self._waiting_for: dict[Fingerprint, str] = {}
        self._inputs = Inputs(plan, workplace.warehouse, workplace.dataset)
        self._claims: set[Claim] = set()
        self._building = threading.Lock()
        self._lost: str | None = None
        self._built: tuple[Checkout, Environment] | None = None
        self._unbuildable: EnvironmentFailed | None = None
        self._opaque = bool(plan.request.pipeline.opaque_hooks)
        self._numbers = {fingerprint: number for number, fingerprint in enumerate(plan.nodes, 1)}

    @property
    def peak_parallel(self) -> int:
        return self._line.peak

    def execute(self, wanted: frozenset[Fingerprint]) -> Mapping[Fingerprint, PhaseOutcome]:
        """An outcome for each of `wanted`, in the plan's order."""
        outcomes: dict[Fingerprint, PhaseOutcome] = {}
        waiting = [fingerprint for fingerprint in self._plan.nodes if fingerprint in wanted]
        if any(isinstance(self._decisions[fingerprint], decision.Run) for fingerprint in waiting):
            _load_dialect()
            if cancel_requested(self._workplace.registry, self._run_id):  # while the run was waiting for its turn
                self._cancel()
        with self._beating(), ThreadPoolExecutor(max_workers=self._plan.request.jobs) as pool:
            under_way: dict[_Work, Fingerprint] = {}
            while len(outcomes) < len(wanted):
                self._line_up(waiting, outcomes)
                for fingerprint in self._line.start(time.monotonic()):
                    under_way[pool.submit(self._work, fingerprint, dict(outcomes))] = fingerprint
                for future in self._next_ended(under_way):
                    self._settle(under_way.pop(future), future.result(), outcomes)
        return {fingerprint: outcomes[fingerprint] for fingerprint in self._plan.nodes if fingerprint in outcomes}

    def _line_up(self, waiting: list[Fingerprint], outcomes: dict[Fingerprint, PhaseOutcome]) -> None:
        """Settle what needs no work, and put into the line what can start."""
        for fingerprint in list(waiting):
            if self._ready(fingerprint, outcomes):
                waiting.remove(fingerprint)
                settled = self._without_work(fingerprint, outcomes)
                if settled is not None:
                    outcomes[fingerprint] = settled
                else:
                    self._line.join(fingerprint)
        if self._stop():
            outcomes.update(dict.fromkeys(self._line.clear(), Cancelled()))

    def _next_ended(
        self, under_way: Collection[Future[PhaseOutcome | Held]]
    ) -> Collection[Future[PhaseOutcome | Held]]:
        """What has ended, after a moment; with nothing under way, only a moment passes."""
        if not under_way:
            self._stop.wait(_MOMENT_SECONDS if self._line else 0)
            return ()
        return wait(under_way, timeout=_MOMENT_SECONDS, return_when=FIRST_COMPLETED).done

    def _settle(
        self, fingerprint: Fingerprint, ended: PhaseOutcome | Held, outcomes: dict[Fingerprint, PhaseOutcome]
    ) -> None:
        """Account for what ended; a phase that another run is computing gives its slot back and asks again later."""
        self._line.leave(fingerprint)
        if not isinstance(ended, Held):
            outcomes[fingerprint] = ended
            return
        if fingerprint not in self._waiting_for:
            self._tell("waiting", fingerprint, f"run {ended.run_id} is computing it; waiting")
        self._waiting_for[fingerprint] = ended.run_id
        self._line.join(fingerprint, not_before=time.monotonic() + _WAIT_SECONDS)

    def _ready(self, fingerprint: Fingerprint, outcomes: Mapping[Fingerprint, PhaseOutcome]) -> bool:
        return all(parent in outcomes for parent in self._plan.nodes[fingerprint].parents)

    def _without_work(
        self, fingerprint: Fingerprint, outcomes: Mapping[Fingerprint, PhaseOutcome]
    ) -> PhaseOutcome | None:
        """The outcome of a node that needs no work, or None."""
        decided = self._decisions[fingerprint]
        match decided:
            case decision.Reuse():
                self._tell("reused", fingerprint)
                return Reused(record=decided.record)
            case decision.NotNeeded():
                return NotNeeded(record=decided.record)
        for parent in self._plan.nodes[fingerprint].parents:
            if record_of(outcomes[parent]) is None:
                self._tell("blocked", fingerprint)
                return Cancelled() if isinstance(outcomes[parent], Cancelled) else Blocked(by=parent)
        return Cancelled() if self._stop() else None

    def _work(self, fingerprint: Fingerprint, outcomes: Mapping[Fingerprint, PhaseOutcome]) -> PhaseOutcome | Held:
        """Claim and run; Held while another run has the claim. Never raises: a thread's error is the phase's."""
        node = self._plan.nodes[fingerprint]
        started = time.monotonic()
        if self._stop():
            return Cancelled()
        try:
            failed = self._failed_elsewhere(node)
            claimed = failed or self._claim(node)
            if isinstance(claimed, Claim):
                return self._run(node, claimed, outcomes)
            adopted = self._result_elsewhere(node) if isinstance(claimed, Held) else claimed
        except Exception as error:  # noqa: BLE001  # one phase's trouble must not end its siblings
            what = _in_words(error)
            self._tell("failed", fingerprint, what)
            return Failed(error=what, log=None, seconds=time.monotonic() - started)
        if adopted is None:
            assert isinstance(claimed, Held)  # noqa: S101  # a claim was run, a reuse adopted
            return claimed
        self._tell(
            *(("reused", fingerprint) if isinstance(adopted, Reused) else ("failed", fingerprint, adopted.error))
        )
        return adopted

    def _claim(self, node: Node) -> Claim | Held | Reused:
        """The claim, if nobody has it and nobody committed in the meantime."""
        registry = self._workplace.registry
        mode, index = node.position
        claim = registry.claim(
            node.fingerprint,
            run_id=self._run_id,
            pipeline=self._plan.request.pipeline.name,
            note={"mode": mode, "index": index, "prefix": self._prefix(node)},
        )
        if isinstance(claim, Held):
            return claim
        newer = self._committed_since_planned(node)
        if newer is not None:
            registry.release(claim)
            return Reused(record=newer, adopted=True)
        self._claims.add(claim)
        return claim

    def _committed_since_planned(self, node: Node) -> PhaseRecord | None:
        """A record that another run committed after this one had decided to run the phase.

        With a hook that is not hashed, one of this very commit: another's may have run another hook.
        """
        decided = self._decisions[node.fingerprint]
        known = decided.known_epoch if isinstance(decided, decision.Run) else -1
        events = self._workplace.registry.of_fingerprints(["committed"], [node.fingerprint])
        records = [PhaseRecord.readable(event.payload) for event in events]
        newer = [record for record in records if record is not None and record.epoch > known]
        if self._opaque:
            newer = [record for record in newer if record.commit == self._plan.request.commit]
        return newer[-1] if newer else None

    def _failed_elsewhere(self, node: Node) -> Failed | None:
        """The failure of the run that this one waited for: to repeat the phase would be to fail again."""
        holder = self._waiting_for.get(node.fingerprint)
        if holder is None or self._opaque:
            return None
        events = self._workplace.registry.of_fingerprints(["failed"], [node.fingerprint])
        theirs = [event.payload for event in events if event.run_id == holder]
        if not theirs:
            return None
        return Failed(error=f"failed in run {holder}: {theirs[-1]['error']}", log=None, seconds=0.0)

    def _result_elsewhere(self, node: Node) -> Reused | None:
        """What the holder of the claim has come to in the meantime, if it has."""
        newer = self._committed_since_planned(node)
        return Reused(record=newer, adopted=True) if newer is not None else None

    def _run(self, node: Node, claim: Claim, outcomes: Mapping[Fingerprint, PhaseOutcome]) -> PhaseOutcome:
        """Run a claimed phase and commit it; whatever happens, the claim is given back and nothing half-done stays."""
        started = time.monotonic()
        mode, index = node.position
        prefix = self._prefix(node)
        log = self._workplace.logs / self._run_id / f"{self._numbers[node.fingerprint]:03d}-{mode}-{index}.log"
        self._tell("started", node.fingerprint)
        outcome: PhaseOutcome
        try:
            if claim.generation > 1:
                # What a process of this very run left behind when it was killed; if it cannot go, the phase fails.
                for table in self._left_by(prefix):
                    self._workplace.warehouse.drop(table)
            done = self._attempt(node, claim, prefix, outcomes, log)
            outcome = self._commit(node, claim, done, time.monotonic() - started)
        except Interrupted:
            seconds = time.monotonic() - started
            outcome = Cancelled() if self._stop() else Failed(error=self._lost or "", log=str(log), seconds=seconds)
        except DitError as error:
            outcome = Failed(
                error=str(error),
                log=str(log),
                seconds=time.monotonic() - started,
                misdeclared=isinstance(error, BadDeclaration),
            )
        except Exception as error:  # noqa: BLE001  # the siblings go on; the report shows what happened
            _append(log, traceback.format_exc())
            outcome = Failed(error=_in_words(error), log=str(log), seconds=time.monotonic() - started)
        self._claims.discard(claim)
        self._wind_up(node, claim, prefix, outcome)
        return outcome

    def _attempt(
        self, node: Node, claim: Claim, prefix: str, outcomes: Mapping[Fingerprint, PhaseOutcome], log: Path
    ) -> Committable:
        checkout, environment = self._environment()
        parent = record_of(outcomes[node.parent]) if node.parent is not None else None
        sources, touched = self._inputs.tables(node, self._reference_tables(node, outcomes))
        log.parent.mkdir(parents=True, exist_ok=True)
        with (
            # What a step leaves beside its program would otherwise be found by the steps of other modes.
            self._workplace.code.working_copy(checkout) as own,
            self._workplace.environments.working_copy(environment) as installed,
            log.open("a", encoding="utf-8", buffering=1) as file,
        ):
            attempt = Attempt(
                plan=self._plan,
                node=node,
                run_id=self._run_id,
                prefix=prefix,
                epoch=claim.epoch,
                parent=parent,
                sources=sources,
                touched=touched,
                checkout=own,
                environment=installed,
                shared=environment,
            )

            def line(text: str) -> None:
                file.write(f"{text}\n")
                self._tell("line", node.fingerprint, text)

            return attempt_phase(attempt, self._workplace, line=line, stopped=self._halted)

    def _halted(self) -> bool:
        """Whether steps must end: somebody asked, or nothing that they write would arrive."""
        return self._stop() or self._lost is not None

    def _reference_tables(self, node: Node, outcomes: Mapping[Fingerprint, PhaseOutcome]) -> Mapping[str, TableName]:
        record = record_of(outcomes[node.reference]) if node.reference is not None else None
        if record is None:
            return {}
        outputs = self._plan.request.pipeline.outputs
        found = {name: record.table(compared_role(name, output)) for name, output in outputs.items()}
        return {name: table for name, table in found.items() if table is not None}

    def _environment(self) -> tuple[Checkout, Environment]:
        """The commit's files and environment, built by the first phase that needs them."""
        with self._building:
            if self._unbuildable is not None:  # what failed for one phase is not tried for each of the others
                raise EnvironmentFailed(str(self._unbuildable))
            if self._built is None:
                checkout = self._workplace.code.checkout(self._plan.request.commit, self._plan.code.tree)
                environments, planned = self._workplace.environments, self._plan.code
                now = replace(planned, environment=environments.identity(checkout), image=environments.image(checkout))
                if now != planned:
                    raise InfrastructureError(
                        f"{checkout.commit} would run in {now.runs_in}, planned was {planned.runs_in}; run again"
                    )
                self._watch(Note(text="preparing the commit's environment"))
                try:
                    self._built = (checkout, environments.ensure(checkout, lambda text: self._watch(Note(text=text))))
                except EnvironmentFailed as error:
                    self._unbuildable = error
                    raise
            return self._built

    def _commit(self, node: Node, claim: Claim, done: Committable, seconds: float) -> PhaseOutcome:
        """Record the state, unless somebody took the claim over and committed first: then theirs is the state."""
        record = self._event("committed", node, done.record.to_json())
        also = [
            self._event("digest", node, {"output": name, "prefix": done.record.prefix, "digest": taken.to_json()})
            for name, taken in done.digests.items()
        ]
        if self._workplace.registry.commit(claim, record, also):
            return Ran(record=done.record, seconds=seconds)
        theirs = self._committed_since_planned(node)
        if theirs is None:
            raise StateInvalid(f"phase {node.fingerprint[:12]} was taken over by another run; run again")
        return Reused(record=theirs, adopted=True)

    def _wind_up(self, node: Node, claim: Claim, prefix: str, outcome: PhaseOutcome) -> None:
        """Say how it ended, drop what was not committed, give the claim back. Errors here change no outcome."""
        detail = outcome.error if isinstance(outcome, Failed) else ""
        self._tell(
            {"Ran": "committed"}.get(type(outcome).__name__, type(outcome).__name__.lower()), node.fingerprint, detail
        )
        if not isinstance(outcome, Ran):
            self._drop(prefix)
        with contextlib.suppress(DitError):
            if isinstance(outcome, Failed):
                self._record("failed", node, {"error": outcome.error, "seconds": round(outcome.seconds, 3)})
            elif isinstance(outcome, Cancelled):
                self._record("cancelled", node, {})
        if not isinstance(outcome, Ran):
            with contextlib.suppress(DitError):
                self._workplace.registry.release(claim)

    def _drop(self, prefix: str) -> None:
        """Everything of an attempt that did not commit; what cannot be dropped now is left to the clean-up."""
        with contextlib.suppress(DitError):
            for table in self._left_by(prefix):
                with contextlib.suppress(DitError):
                    self._workplace.warehouse.drop(table)

    def _left_by(self, prefix: str) -> tuple[TableName, ...]:
        return self._workplace.warehouse.tables(self._workplace.dataset, f"{prefix}__")

    def _prefix(self, node: Node) -> str:
        """What this run's tables of a phase start with. A run tries a phase once, so no other attempt has it."""
        mode, index = node.position
        return state_prefix(self._plan.request, mode, index, {"fingerprint": node.fingerprint, "run": self._run_id})

    def _beating(self) -> contextlib.AbstractContextManager[None]:
        """Tell the registry that the holder of our claims is alive, and hear from it if somebody cancels the run."""
        return beating(
            self._workplace.registry,
            self._run_id,
            self._plan.request.pipeline.name,
            claims=lambda: tuple(self._claims),
            lost=self._out_of_touch,
            cancelled=self._cancel,
        )

    def _out_of_touch(self, reason: str | None) -> None:
        self._lost = reason

    def _cancel(self) -> None:
        self._stop.ask(signal.SIGTERM)

    def _event(self, kind: str, node: Node, payload: Mapping[str, object]) -> Event:
        mode, index = node.position
        return Event(
            kind=kind,
            run_id=self._run_id,
            pipeline=self._plan.request.pipeline.name,
            fingerprint=node.fingerprint,
            payload={"mode": mode, "index": index, **payload},
        )

    def _record(self, kind: str, node: Node, payload: Mapping[str, object]) -> None:
        self._workplace.registry.append([self._event(kind, node, payload)])

    def _tell(self, kind: str, fingerprint: Fingerprint, text: str = "") -> None:
        self._watch(Note(kind=kind, fingerprint=fingerprint, text=text))


def _load_dialect() -> None:
    """Let sqlglot load its BigQuery dialect before there are threads: it is loaded on first use, and two that use it
    first at once can find it half made.
    """
    import sqlglot

    sqlglot.parse_one("SELECT 1", read="bigquery").sql(dialect="bigquery")


def _in_words(error: Exception) -> str:
    match error:
        case DitError():
            return str(error)
        case OSError(errno=errno.ENOSPC):
            return f"no space left on the disk of {error.filename or 'the home directory'}; free some and run again"
    return f"internal error (please report it): {type(error).__name__}: {error}"


def _append(log: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(text)
