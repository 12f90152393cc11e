"""Compare two tables as multisets of rows: the verdict first, an explanation only where it is needed.

Order, partitioning and layout of a table never matter; how often a row occurs does. The steps, each taken only if the
one before left the question open:

0. **Metadata and stored digests**, nothing is read. Schemas that differ, or a type that no policy covers, end here.
   Two digests of one engine, version, policy and schema end here as well when they are equal.
1. **Digest** (counting.py), one scan of a table whose digest is missing: per day COUNT and SUM of two 64-bit hashes of
   the canonical row (rows.py). Sums, because under XOR a doubled row cancels itself. Tolerances have no part in it:
   values within a tolerance are a difference here, and step 3 forgives them.
2. **Residue** (residue.py), of the differing days: rows whose hash occurs equally often on both sides cancel, so
   duplicates, NULL keys and physical order are dealt with before any row is paired with another. Of large tables only
   the rows in differing buckets are looked at; the sums of what is found must be the difference of the digests.
3. **Explanation** (telling.py, explanation.py) of the residue only: the n-th surplus row of a key on one side meets the
   n-th on the other. Within a key, rows are in the order of what must be equal and then of what may differ; with one
   tolerant column this finds a pairing of these rows within the tolerance whenever there is one. With several it may
   miss it: a difference that stands on such pairs alone is INCOMPARABLE. Equal rows of a key have been left out by
   then, though one of them might have been the partner that a row needed: then the answer is DIFFERENT.

Without keys rows cannot be paired: a residue is then rows that one side lacks, and with a tolerance INCOMPARABLE, since
no answer would be the only one.

The hashes make a verdict wrong with a probability of about 2^-128 for a given pair of tables. A pass is held against
what was counted on the way to it (contradictions.py). An exact comparison takes no chance: rows are grouped by their
canonical text (grouping.py), the residue is taken by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from dit_dagster.comparing.cause import causes_of
from dit_dagster.comparing.contradictions import cross_checked
from dit_dagster.comparing.counting import Input, cost_of, scan
from dit_dagster.comparing.digests import DIGEST_VERSION, Digest
from dit_dagster.comparing.explanation import Findings, Told, accounted, keys_counted, read
from dit_dagster.comparing.grouping import grouped
from dit_dagster.comparing.parting import FinalStates
from dit_dagster.comparing.predicates import predicate
from dit_dagster.comparing.residue import MANY_ROWS, Question, residue_statement
from dit_dagster.comparing.rows import Engine, engine
from dit_dagster.comparing.schema import NUMBERS, Column, Layout, differences, layout, refuse_unknown_ignored
from dit_dagster.comparing.spanning import spanning_rows
from dit_dagster.errors import NotFound, Uncomparable, WarehouseError
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import (
    Cost,
    Different,
    Empty,
    Equivalent,
    Error,
    Evidence,
    ExpectedDifference,
    Explanation,
    Identical,
    Incomparable,
    SchemaDifferent,
    Side,
    Verdict,
)
from dit_dagster.ports import TableFacts, Warehouse

_NOTHING = Explanation(only_left=0, only_right=0, changed=0, multiplicity=0)


def take_digest(warehouse: Warehouse, table: TableName, policy: ComparisonPolicy) -> tuple[Digest, Cost]:
    """One scan. NotFound, Uncomparable, BadDeclaration, or what the warehouse raises."""
    facts = warehouse.facts([table]).get(table)
    if facts is None:
        raise NotFound(f"{table}: there is no such table")
    (digest,), cost = scan(warehouse, [_input(facts, policy, warehouse.engine)], policy)
    return digest, cost


def final_states(
    warehouse: Warehouse,
    tables: tuple[TableName, TableName],
    policy: ComparisonPolicy,
    digests: tuple[Digest | None, Digest | None],
) -> FinalStates:
    """Two tables that differ, ready to be held against states in between. NotFound, Uncomparable, BadDeclaration."""
    known = warehouse.facts(tables)
    missing = next((table for table in tables if table not in known), None)
    if missing is not None:
        raise NotFound(f"{missing}: there is no such table")
    left, right = (_input(known[table], policy, warehouse.engine) for table in tables)
    mine, theirs = digests
    known_days = left.layout.day is not None and mine is not None and theirs is not None and mine.comparable(theirs)
    days = mine.differing_days(theirs) if known_days and mine is not None and theirs is not None else None
    return FinalStates(warehouse=warehouse, policy=policy, left=left, right=right, days=days)


def compared(
    warehouse: Warehouse,
    tables: tuple[TableName, TableName],
    policy: ComparisonPolicy,
    *,
    labels: tuple[str, str],
    digests: tuple[Digest | None, Digest | None],
    boundaries: Sequence[date],
    spelling: Engine | None = None,
    exact: bool = False,
) -> Verdict:
    """Judge two tables. Only a wrong policy raises (BadDeclaration); whatever else goes wrong is a verdict.

    `spelling` is the warehouse's engine, unless another is given. `exact` groups rows themselves, not their hashes.
    """
    sides = (Side(label=labels[0], table=str(tables[0])), Side(label=labels[1], table=str(tables[1])))
    evidence = Evidence(left=sides[0], right=sides[1], policy=policy, ignored=dict(policy.ignore), method="schema")
    evidence = replace(evidence, engine=warehouse.engine, digest_version=DIGEST_VERSION)
    try:
        spelling = spelling or engine(warehouse.engine, exact=exact)
        return cross_checked(_judged(warehouse, tables, evidence, None if exact else digests, boundaries, spelling))
    except Uncomparable as reason:
        return Incomparable(evidence=evidence, reason=str(reason))
    except WarehouseError as error:
        return Error(evidence=evidence, reason=str(error))


def _judged(
    warehouse: Warehouse,
    tables: tuple[TableName, TableName],
    evidence: Evidence,
    stored: tuple[Digest | None, Digest | None] | None,
    boundaries: Sequence[date],
    spelling: Engine,
) -> Verdict:
    """Without `stored` the verdict is by grouping."""
    policy = evidence.policy
    known = warehouse.facts(tables)
    for side, table in zip((evidence.left, evidence.right), tables, strict=True):
        if table not in known:
            return Error(evidence=evidence, reason=f"{side.label}: {table} does not exist")
    left, right = (known[table] for table in tables)
    refuse_unknown_ignored((left, right), policy)
    if unlike := differences(left, right, policy):
        return SchemaDifferent(evidence=evidence, differences=unlike)
    question = asked((left, right), policy, warehouse.engine, boundaries)
    inputs = (question.left, question.right)
    evidence = replace(evidence, compared=tuple(column.name for column in inputs[0].layout.columns))
    if stored is None:
        digests, equal, evidence = _grouped(warehouse, question, evidence, spelling)
    else:
        digests, evidence = _digests(warehouse, inputs, evidence, stored, spelling)
        equal = digests[0].value == digests[1].value
        uncounted = tuple(side for side in (0, 1) if digests[side].duplicate_keys is None)
        question = replace(question, uncounted=uncounted if inputs[0].layout.keys else ())
        question = replace(question, days=digests[0].differing_days(digests[1]) if inputs[0].layout.day else None)
    if equal:
        return _equal(digests[0].rows, evidence)
    if inputs[0].layout.tolerant and not inputs[0].layout.pairing:
        return Incomparable(evidence=evidence, reason=_keyless(inputs[0].layout, digests))
    question = replace(question, rows=digests[0].rows + digests[1].rows)
    return _explained(warehouse, question, evidence, digests, spelling)


def asked(
    facts: tuple[TableFacts, TableFacts], policy: ComparisonPolicy, engine_name: str, boundaries: Sequence[date] = ()
) -> Question:
    """What is asked of all days of two tables. Raises Uncomparable, and BadDeclaration for a policy that is wrong."""
    left, right = (_input(each, policy, engine_name) for each in facts)
    declared, names = policy.expected_diff, left.layout.names
    expected = predicate(declared.where, columns=names, what="expected_diff.where") if declared else None
    return Question(left=left, right=right, days=None, boundaries=tuple(boundaries), expected=expected)


def _grouped(
    warehouse: Warehouse, question: Question, evidence: Evidence, spelling: Engine
) -> tuple[tuple[Digest, Digest], bool, Evidence]:
    digests, unequal, spent = grouped(warehouse, question, evidence.policy, spelling)
    evidence = replace(evidence, cost=evidence.cost + spent, method="row grouping", digest_version=0)
    return digests, unequal == 0, _with_digests(evidence, *digests)


def _input(facts: TableFacts, policy: ComparisonPolicy, spelling: str) -> Input:
    columns = layout(facts, policy, engine=spelling)
    where = predicate(policy.where, columns=columns.names, what="where") if policy.where else None
    return Input(table=facts.name, layout=columns, where=where, rows=facts.rows)


def _digests(
    warehouse: Warehouse,
    inputs: tuple[Input, Input],
    evidence: Evidence,
    stored: tuple[Digest | None, Digest | None],
    spelling: Engine,
) -> tuple[tuple[Digest, Digest], Evidence]:
    """Both digests: a stored one where it says what this comparison asks, one scan for those that are missing."""
    policy = evidence.policy
    found = [
        digest if digest and _current(digest, each, policy) else None
        for digest, each in zip(stored, inputs, strict=True)
    ]
    if found[0] and found[1] and not found[0].comparable(found[1]):
        found = [None, None]
    missing = [side for side in (0, 1) if found[side] is None]
    cost = evidence.cost
    if missing:
        asked = [inputs[side] for side in missing]
        taken, spent = scan(warehouse, asked, policy, spelling, counted=asked[: len(asked) - 1])
        cost += spent
        for side, digest in zip(missing, taken, strict=True):
            found[side] = digest
    left, right = found
    assert left is not None  # noqa: S101  # filled above
    assert right is not None  # noqa: S101
    if not left.comparable(right):
        return _digests(warehouse, inputs, replace(evidence, cost=cost), (None, None), spelling)
    if left.value == right.value:
        left, right = _as_often(left, right), _as_often(right, left)
    method = "digest scan" if missing else "stored digests"
    return (left, right), _with_digests(replace(evidence, cost=cost, method=method), left, right)


def _as_often(digest: Digest, equal: Digest) -> Digest:
    """Equal tables repeat their keys equally often: it is counted in one of them."""
    if digest.duplicate_keys is not None or digest.sampled_keys is not None:
        return digest
    return replace(digest, duplicate_keys=equal.duplicate_keys, sampled_keys=equal.sampled_keys)


def _current(digest: Digest, of: Input, policy: ComparisonPolicy) -> bool:
    asked = (DIGEST_VERSION, policy.digest_hash, of.layout.hash)
    return (digest.version, digest.policy, digest.schema) == asked


def _with_digests(evidence: Evidence, left: Digest, right: Digest) -> Evidence:
    warnings = [
        f"{side.label}: {digest.duplicate_keys} rows have the key of an earlier row"
        for side, digest in ((evidence.left, left), (evidence.right, right))
        if digest.duplicate_keys
    ]
    return replace(
        evidence,
        left=_counted_side(evidence.left, left),
        right=_counted_side(evidence.right, right),
        engine=left.engine,
        warnings=(*evidence.warnings, *(each for each in warnings if each not in evidence.warnings)),
    )


def _counted_side(side: Side, digest: Digest) -> Side:
    return replace(side, rows=digest.rows, duplicate_keys=digest.duplicate_keys, sampled_keys=digest.sampled_keys)


def _equal(rows: int, evidence: Evidence) -> Verdict:
    if rows == 0 and not evidence.policy.allow_empty:
        return Empty(evidence=evidence)
    if evidence.policy.expected_diff is not None:
        return Different(evidence=evidence, explanation=_NOTHING)
    return Identical(evidence=evidence)


def _keyless(columns: Layout, digests: tuple[Digest, Digest]) -> str:
    names = ", ".join(column.name for column in columns.tolerant)
    rows = f"{digests[0].rows} rows left, {digests[1].rows} right"
    return f"the tables differ ({rows}), and {names} has a tolerance without keys to pair rows by; declare keys"


def _explained(
    warehouse: Warehouse,
    question: Question,
    evidence: Evidence,
    digests: tuple[Digest, Digest],
    spelling: Engine,
) -> Verdict:
    left = question.left
    rows, spent = _residue(warehouse, question, digests, spelling)
    digests, doubled = _counted(digests, rows)
    evidence = replace(_with_digests(evidence, *digests), method="residue", cost=evidence.cost + spent)
    if doubled and digests[0].duplicate_keys is None:
        evidence = replace(evidence, warnings=(*evidence.warnings, _more_doubled(evidence, doubled)))
    findings = read(rows, left.layout, at_boundaries=question.reaching is not None)
    reaching = None
    if findings.explanation.at_boundary == 1.0 and digests[0].rows:
        spanning, spent = spanning_rows(warehouse, left, question.boundaries)
        reaching, evidence = spanning / digests[0].rows, replace(evidence, cost=evidence.cost + spent)
    causes = causes_of(findings.explanation, doubled_keys=doubled, reaching=reaching)
    findings = replace(findings, explanation=replace(findings.explanation, causes=causes))
    if _in_doubt(findings, left.layout):
        return Incomparable(evidence=evidence, reason=_several(findings, left.layout))
    found = accounted(rows)
    digested = digests[0].excess(digests[1]) if found is not None else None
    return cross_checked(_concluded(findings, evidence), found=found, digested=digested)


def _residue(
    warehouse: Warehouse, question: Question, digests: tuple[Digest, Digest], spelling: Engine
) -> tuple[Sequence[Told], Cost]:
    """What the residue's statement tells. If some buckets are not all that the digests differ by, in full."""
    answer = warehouse.query(residue_statement(question, spelling))
    found = accounted(answer.rows)
    if found is None or found == digests[0].excess(digests[1]) or question.rows <= MANY_ROWS:
        return answer.rows, cost_of(answer)
    whole = warehouse.query(residue_statement(replace(question, rows=0), spelling))
    return whole.rows, cost_of(answer) + cost_of(whole)


def _counted(digests: tuple[Digest, Digest], rows: Sequence[Told]) -> tuple[tuple[Digest, Digest], int]:
    """The digests with the repeated keys that the residue's statement counted; and how many more the right has.

    Rows that are no suspects are equal on both sides, so their keys say nothing of the difference.
    """
    keys, suspects = keys_counted(rows), keys_counted(rows, "suspects")
    left, right = (
        replace(each, duplicate_keys=each.rows - keys[side], sampled_keys=None) if side in keys else each
        for side, each in enumerate(digests)
    )
    if suspects:
        more = right.rows - left.rows - (suspects[1] - suspects[0])
        return (_with_more(left, right, -more), _with_more(right, left, more)), more
    return (left, right), (right.duplicate_keys or 0) - (left.duplicate_keys or 0)


def _more_doubled(evidence: Evidence, more: int) -> str:
    most, least = (evidence.right, evidence.left) if more > 0 else (evidence.left, evidence.right)
    return f"{most.label}: {abs(more)} rows more than in {least.label} have the key of an earlier row"


def _with_more(digest: Digest, other: Digest, more: int) -> Digest:
    if digest.duplicate_keys is not None or other.duplicate_keys is None:
        return digest
    return replace(digest, duplicate_keys=other.duplicate_keys + more)


def _in_doubt(findings: Findings, columns: Layout) -> bool:
    """Whether another pairing of rows with equal keys might satisfy all of several tolerances."""
    paired_only = findings.beyond == findings.explanation.changed == findings.ambiguous
    several = len(columns.tolerant) > 1 or any(not _in_order(each) for each in columns.tolerant)
    return several and findings.beyond > 0 and paired_only


def _in_order(of: Column) -> bool:
    """Whether rows in the order of this column meet those that they are nearest to."""
    return of.type in NUMBERS and not of.is_list


def _several(findings: Findings, columns: Layout) -> str:
    names = ", ".join(column.name for column in columns.tolerant)
    return (
        f"{findings.explanation.ambiguous_keys} keys are held by several rows that can be paired in several ways, and "
        f"{names} have tolerances: no pairing was found that satisfies them all, but there may be one; "
        "declare keys that are unique"
    )


def _concluded(findings: Findings, evidence: Evidence) -> Verdict:
    told, declared = findings.explanation, evidence.policy.expected_diff
    if not findings.beyond and not told.within_tolerance:
        return Error(evidence=evidence, reason=_CHANGED)
    if declared and findings.beyond == findings.expected == declared.rows:
        return ExpectedDifference(evidence=evidence, explanation=told)
    if findings.beyond or declared:
        return Different(evidence=evidence, explanation=told)
    return Equivalent(evidence=evidence, explanation=told)


_CHANGED = (
    "the digests differ but no row does: a table changed while it was compared, or after its digest was stored; "
    "compare again without the stored digests"
)
