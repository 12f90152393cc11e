"""Every error that this project raises on purpose.

    DitError
    |-- UsageError               the request is wrong; nothing was done                          exit 2
    |   |-- BadName              a name is malformed
    |   |-- BadDeclaration       a defs.yaml is wrong: file, field, remedy
    |   |-- TooMuchToRead        a comparison or a run would read more bytes than it was allowed
    |   |-- UnknownName          a pipeline, mode, output, run or commit that does not exist
    |   |-- NothingToResume      a run that must go on from a committed state would begin from nothing
    |   `-- BadSource            a source table is missing, or has no rows where the plan needs them
    |-- PipelineError            the pipeline's own program failed                               exit 4
    |   |-- StepFailed           a step ended with a non-zero exit code
    |   `-- EnvironmentFailed    the commit's environment could not be built
    |-- Uncomparable             comparing two tables would not mean anything                    exit 3
    |-- InfrastructureError      something around the pipeline failed                            exit 4
    |   |-- WarehouseError       BigQuery (or its stand-in) answered with an error
    |   |   |-- AlreadyExists    an atomic creation lost the race
    |   |   |-- NotFound         a table or dataset is not there
    |   |   `-- Unreachable      no answer at all
    |   |-- EngineError          the container engine answered with an error, or not at all
    |   |-- BoardError           the host of a repository took no verdict
    |   |   |-- BoardRefused     and will not: wrong credentials, no such pull request
    |   |   `-- BoardUnreachable and may later: it did not answer, or asked to wait
    |   |-- LocalCloudError      the local cloud could not be started or stopped (defined beside it)
    |   `-- StateInvalid         a state holds something that cannot be kept
    `-- Interrupted              the run was asked to stop                                       exit 130, 143

A message says what happened, to what, and what to do next, in one line.
"""

from __future__ import annotations


class DitError(Exception):
    """The root: its text is fit for a user's terminal."""


class UsageError(DitError):
    """The request is wrong. Raised before any side effect."""


class BadName(UsageError, ValueError):
    """A name is malformed."""


class BadDeclaration(UsageError):
    """A pipeline's declaration is wrong."""


class UnknownName(UsageError):
    """Something was named that does not exist."""


class NothingToResume(UsageError):
    """A run that must go on from a committed state would begin from nothing; no work was done."""


class TooMuchToRead(UsageError):
    """A comparison or a run would read more bytes than it was allowed; it read none."""


class BadSource(UsageError):
    """A source table is missing, or has no rows in a window that needs them."""


class PipelineError(DitError):
    """The pipeline's own program failed."""


class StepFailed(PipelineError):
    """A step ended with a non-zero exit code."""


class EnvironmentFailed(PipelineError):
    """The environment of a commit could not be built."""


class Uncomparable(DitError):
    """A comparison's answer would not mean anything; the text names the column and the reason."""


class InfrastructureError(DitError):
    """Something around the pipeline failed."""


class WarehouseError(InfrastructureError):
    """The warehouse answered with an error."""


class AlreadyExists(WarehouseError):
    """An atomic creation found the name taken."""


class NotFound(WarehouseError):
    """A table or dataset is not there."""


class Unreachable(WarehouseError):
    """The warehouse did not answer."""


class EngineError(InfrastructureError):
    """The container engine answered with an error, or not at all."""


class BoardError(InfrastructureError):
    """The host of a repository took no verdict."""


class BoardRefused(BoardError):
    """It will not take it: wrong credentials, a permission that is missing, no such pull request."""


class BoardUnreachable(BoardError):
    """It may take it later: it did not answer, failed, or asked to wait."""


class StateInvalid(InfrastructureError):
    """A state holds something that cannot be kept."""


class Interrupted(DitError):
    """The run was asked to stop."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.exit_code = 128 + signal_number
