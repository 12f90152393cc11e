"""The exact verdict: both tables grouped by the canonical row itself. No digest is believed, no hash is taken."""

from __future__ import annotations

from dataclasses import replace

from dit_dagster.comparing.counting import cost_of, digest_statement, digests_of, total
from dit_dagster.comparing.digests import Digest
from dit_dagster.comparing.residue import Question, unequal_rows
from dit_dagster.comparing.rows import Engine
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Cost
from dit_dagster.ports import Warehouse

_UNEQUAL = "unequal"


def grouped(
    warehouse: Warehouse, question: Question, policy: ComparisonPolicy, spelling: Engine
) -> tuple[tuple[Digest, Digest], int, Cost]:
    """In one statement: what both sides count, and how many distinct rows they do not hold equally often.

    The digests count rows and keys only: their version is none, so that nobody takes equal values for equal tables.
    """
    inputs = (question.left, question.right)
    answer = warehouse.query(digest_statement(inputs, spelling, total(_UNEQUAL, unequal_rows(question, spelling))))
    left, right = (replace(each, version=0) for each in digests_of(answer, inputs, policy))
    unequal = next(int(row["n"]) for row in answer.rows if row["kind"] == _UNEQUAL)
    return (left, right), unequal, cost_of(answer)
