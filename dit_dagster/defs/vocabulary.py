"""What a pipeline's parts are called in Dagster: keys, ops, partitions, checks. Everything else asks here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from dit_dagster.errors import BadDeclaration
from dit_dagster.model.golden import LABEL
from dit_dagster.model.pipeline import Pipeline

PIN = "pin"
REPORT = "report"
SOURCE = "source"
COMMIT_DIMENSION = "commit"
MODE_DIMENSION = "mode"
EXERCISED = "exercised"
DETERMINISTIC = "deterministic"

KIND = "bigquery"
PULL_TAG = "dit/pull"
HEAD_TAG = "dit/head"
REF_TAG = "dit/ref"
TRIGGER_TAG = "dit/trigger"
TRIGGER = "pulls"
HEAVY_TAG = "dit/heavy"
SUPERSEDED_TAG = "dit/superseded"
PIPELINE_TAG = "dit/pipeline"

CACHE_TAG = "dit/cache"
RUN_METADATA = "dit/run"
REFUSED = "dit/refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPair:
    """A check's subject: a mode's output, what it is compared with, and the names of the checks that tell."""

    output: str
    mode: str
    reference: str
    equality: str
    exercise: str | None

    @property
    def checks(self) -> tuple[str, ...]:
        return (self.equality,) if self.exercise is None else (self.equality, self.exercise)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of one pipeline."""

    pipeline: Pipeline

    def __post_init__(self) -> None:
        taken = {PIN, REPORT, SOURCE}
        for field, names in (("outputs", self.pipeline.outputs), ("modes", self.pipeline.available_modes)):
            for name in names:
                if name in taken:
                    raise BadDeclaration(
                        f"{self.pipeline.name}: {field}.{name}: Dagster shows another asset under this name; rename it"
                    )

    @property
    def name(self) -> str:
        return self.pipeline.name

    @property
    def pin(self) -> dg.AssetKey:
        return dg.AssetKey([self.name, PIN])

    @property
    def report(self) -> dg.AssetKey:
        return dg.AssetKey([self.name, REPORT])

    def source(self, source: str) -> dg.AssetKey:
        return dg.AssetKey([self.name, SOURCE, source])

    def output(self, mode: str, output: str) -> dg.AssetKey:
        return dg.AssetKey([self.name, mode, output])

    def board(self, output: str) -> dg.AssetKey:
        return dg.AssetKey([self.name, output])

    @property
    def pin_op(self) -> str:
        return f"{self.name}__{PIN}"

    def mode_op(self, mode: str) -> str:
        return f"{self.name}__{mode}"

    def checks_op(self, mode: str) -> str:
        return f"{self.name}__{mode}__checks"

    @property
    def job(self) -> str:
        return f"{self.name}__mode_equivalence"

    @property
    def job_of_all_modes(self) -> str:
        return f"{self.name}__all_modes"

    @property
    def partitions(self) -> str:
        return f"{self.name}_commits"

    @property
    def commits(self) -> dg.DynamicPartitionsDefinition:
        """Full commit ids. Dagster validates nothing about them: the pin does."""
        return dg.DynamicPartitionsDefinition(name=self.partitions)

    @property
    def grid(self) -> dg.MultiPartitionsDefinition:
        """Commits x modes: what the board shows."""
        modes = dg.StaticPartitionsDefinition(list(self.pipeline.available_modes))
        return dg.MultiPartitionsDefinition({COMMIT_DIMENSION: self.commits, MODE_DIMENSION: modes})

    def cell(self, commit: str, mode: str) -> dg.MultiPartitionKey:
        return dg.MultiPartitionKey({COMMIT_DIMENSION: commit, MODE_DIMENSION: mode})

    def checked(self, mode: str) -> tuple[CheckedPair, ...]:
        """What is checked of a mode, per output.

        Nothing of the reference, which is what others are compared with, but by the golden state if that is declared.
        """
        if mode == self.pipeline.reference and self.pipeline.golden == "on":
            return self._against_golden(mode)
        declared = self.pipeline.mode(mode)
        reference = declared.compared_with or self.pipeline.reference
        if reference == mode:
            return ()
        mutated = any(phase.mutation is not None for phase in declared.phases)
        equality = DETERMINISTIC if declared.replica else f"equals_{reference}"
        return tuple(
            CheckedPair(
                output=output,
                mode=mode,
                reference=reference,
                equality=equality,
                exercise=EXERCISED if mutated else None,
            )
            for output in self.pipeline.outputs
        )

    def _against_golden(self, mode: str) -> tuple[CheckedPair, ...]:
        return tuple(
            CheckedPair(output=output, mode=mode, reference=LABEL, equality=f"equals_{LABEL}", exercise=None)
            for output in self.pipeline.outputs
        )

    def checked_pairs(self) -> Iterator[CheckedPair]:
        """Every pair that is checked, of every mode."""
        return (pair for mode in self.pipeline.available_modes for pair in self.checked(mode))
