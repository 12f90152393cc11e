"""How two tables are compared: declared per output, shown in every verdict, hashed into every stored digest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Annotated, Any, Literal, TypeGuard, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from dit_dagster.errors import UsageError
from dit_dagster.model.identity import content_hash


def _is_a_number(annotation: Any) -> bool:
    """Whether a field of this type holds a number, and never true or false."""
    kinds = {annotation, *get_args(annotation)}
    return bool(kinds & {int, float}) and bool not in kinds


class Declared(BaseModel):
    """A value read from a declaration: unknown fields are errors, and it never changes.

    NaN and infinities have no canonical JSON, so that two of them would share one fingerprint: they are errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_no_booleans(cls, given: Any) -> Any:
        """`tolerance: {abs: true}` would be a tolerance of 1, and `tail: true` one day."""
        if isinstance(given, dict):
            numbers = [name for name, field in cls.model_fields.items() if _is_a_number(field.annotation)]
            wrong = [name for name in numbers if isinstance(given.get(name), bool)]
            if wrong:
                raise ValueError("; ".join(f"{name}: {str(given[name]).lower()} is no number" for name in wrong))
        return given


class Exact(Declared):
    """Equal values of one type. The default."""

    kind: Literal["exact"] = "exact"


class Tolerance(Declared):
    """Equal when |a - b| <= max(abs, rel * max(|a|, |b|)), bounds included. NULL equals NULL only."""

    kind: Literal["tolerance"] = "tolerance"
    abs: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    rel: float = Field(default=0.0, ge=0.0, lt=1.0, allow_inf_nan=False)


class Json(Declared):
    """Equal as JSON values: key order and the spelling of numbers do not matter. For JSON and STRING columns.

    With bounds, numbers in the same places may differ as under Tolerance, in FLOAT64; from 2^53 on they may not.
    """

    kind: Literal["json"] = "json"
    abs: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    rel: float = Field(default=0.0, ge=0.0, lt=1.0, allow_inf_nan=False)


class Unordered(Declared):
    """An ARRAY compared as a multiset."""

    kind: Literal["unordered"] = "unordered"


class Bitwise(Declared):
    """FLOAT64 by bits: -0.0 differs from 0.0."""

    kind: Literal["bitwise"] = "bitwise"


class Geography(Declared):
    """GEOGRAPHY values within a distance of one another, in metres."""

    kind: Literal["geography"] = "geography"
    metres: float = Field(ge=0.0, allow_inf_nan=False)


def _spelled(value: Any) -> Any:
    """Accept the short spellings: `json`, `{tolerance: {abs: 1}}`, `{json: {rel: 1e-9}}`, `{metres: 1}`."""
    match value:
        case str():
            return {"kind": value}
        case {"tolerance": dict() as bounds, **rest} if not rest:
            return {"kind": "tolerance", **bounds}
        case {"json": dict() as bounds, **rest} if not rest:
            return {"kind": "json", **bounds}
        case {"metres": metres, **rest} if not rest:
            return {"kind": "geography", "metres": metres}
        case {"geography": dict() as bounds, **rest} if not rest:
            return {"kind": "geography", **bounds}
    return value


_Policy = Exact | Tolerance | Json | Unordered | Bitwise | Geography
_Word = Literal["exact", "json", "unordered", "bitwise"]
_Bounds = dict[Literal["tolerance", "json", "geography", "metres"], Any]

ColumnPolicy = Annotated[
    Annotated[_Policy, Field(discriminator="kind")],
    BeforeValidator(_spelled, json_schema_input_type=_Policy | _Word | _Bounds),
]


Forgiving = Tolerance | Geography | Json


def forgives(policy: ColumnPolicy) -> TypeGuard[Forgiving]:
    """Whether two values that differ may pass: only a pair of them tells, no digest."""
    return isinstance(policy, Tolerance | Geography) or (
        isinstance(policy, Json) and (policy.abs, policy.rel) != (0, 0)
    )


class ExpectedDiff(Declared):
    """A difference that was announced: exactly these rows may differ, and they must."""

    where: str = Field(min_length=1)
    rows: int = Field(gt=0, strict=True)


class Span(Declared):
    """The two columns between which a row reaches over time; it tells which rows touch a slice boundary."""

    start: str
    end: str


class ComparisonPolicy(Declared):
    """What equal means for one output. `columns` maps a column, or a leaf path such as `samples[].speed`."""

    keys: tuple[str, ...] = ()
    ignore: dict[str, str] = Field(default_factory=dict, description="column -> why it is left out")
    columns: dict[str, ColumnPolicy] = Field(default_factory=dict)
    where: str | None = None
    allow_empty: bool = False
    content_hash_key: bool = False
    alternate_keys: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    day: str | None = Field(default=None, description="DATE or TIMESTAMP column that tells a row's day (UTC)")
    span: Span | None = None
    expected_diff: ExpectedDiff | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ComparisonPolicy:
        wrong = tuple(_contradictions(self))
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def column(self, path: str) -> ColumnPolicy:
        return self.columns.get(path, Exact())

    @property
    def digest_hash(self) -> str:
        """Identifies what a comparison digest reads: everything that changes a canonical row or which rows count."""
        read = {"ignore": sorted(self.ignore), "where": self.where, "day": self.day}
        kinds = {
            name: policy.kind
            for name, policy in self.columns.items()
            if not isinstance(policy, Exact | Tolerance | Geography)
        }
        return content_hash({**read, "columns": kinds, "keys": list(self.keys)})

    @property
    def full_hash(self) -> str:
        """Identifies the whole policy, tolerances included."""
        return content_hash(self.model_dump(mode="json"))


def folded(name: str) -> str:
    """A column's name as BigQuery tells columns apart: in any case it is the same."""
    return name.lower()


def is_within(name: str, outer: Iterable[str]) -> bool:
    """Whether a path is one of `outer` (folded), or lies in a STRUCT or an ARRAY that is."""
    around = set(outer)
    path = folded(name)
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in around)


def _contradictions(policy: ComparisonPolicy) -> Iterator[str]:
    """What a policy says against itself: each would be decided in silence, for one of its halves."""
    yield from _repeated(policy)
    yield from _ignored_and_used(policy)
    keys = {folded(name) for name in (*policy.keys, *policy.alternate_keys)}
    yield from (
        f"{name}: a key, and given a tolerance; keys are equal or not"
        for name, kind in policy.columns.items()
        if folded(name) in keys and forgives(kind)
    )
    yield from (
        f"ignore: {name}: every ignored column needs a reason"
        for name, reason in policy.ignore.items()
        if not reason.strip()
    )


def _repeated(policy: ComparisonPolicy) -> Iterator[str]:
    named = {
        "keys": policy.keys,
        "ignore": tuple(policy.ignore),
        "columns": tuple(policy.columns),
        "alternate_keys": policy.alternate_keys,
        "dimensions": policy.dimensions,
    }
    for part, names in named.items():
        for name, times in Counter(map(folded, names)).items():
            if times > 1:
                yield f"{part}: {name} stands {times} times; names in another case are the same column"


def _ignored_and_used(policy: ComparisonPolicy) -> Iterator[str]:
    ignored = {folded(name) for name in policy.ignore}
    for name in policy.columns:
        if is_within(name, ignored):
            yield f"{name}: ignored, and given a policy; choose one"
    for name in dict.fromkeys((*policy.keys, *policy.alternate_keys)):
        if folded(name) in ignored:
            yield f"{name}: ignored, and used as a key; choose one"
    if policy.day is not None and is_within(policy.day, ignored):
        yield f"{policy.day}: ignored, and used as day; rows are compared day by day: compare it, or leave out day"


def refined(policy: ComparisonPolicy, *, keys: Sequence[str] = (), where: str | None = None) -> ComparisonPolicy:
    """`policy` with keys and a predicate of the moment. UsageError if it declares others: a policy is one promise."""
    if where is not None and not where.strip():
        raise UsageError("where is empty; leave it out to compare all rows")
    if keys and policy.keys and tuple(keys) != policy.keys:
        raise UsageError(f"keys {', '.join(keys)}: the policy has {', '.join(policy.keys)}; change the policy instead")
    if where is not None and policy.where is not None and where != policy.where:
        raise UsageError(f"where {where!r}: the policy has {policy.where!r}; change the policy instead")
    declared = policy.model_dump(mode="python", by_alias=True)
    declared |= {"keys": tuple(keys) or policy.keys, "where": policy.where if where is None else where}
    try:
        return ComparisonPolicy.model_validate(declared)
    except ValidationError as error:
        raise UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


Day = date
