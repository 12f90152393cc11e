"""Which columns are compared, and how: a table's schema read under a policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dit_dagster.errors import BadDeclaration, Uncomparable
from dit_dagster.model.identity import content_hash
from dit_dagster.model.policy import (
    Bitwise,
    ColumnPolicy,
    ComparisonPolicy,
    Exact,
    Geography,
    Json,
    Tolerance,
    Unordered,
)
from dit_dagster.ports import Field, TableFacts

NUMBERS = frozenset({"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"})
DAY_TYPES = frozenset({"DATE", "TIMESTAMP", "DATETIME"})
SCALARS = NUMBERS | DAY_TYPES | {"BOOL", "STRING", "BYTES", "TIME", "JSON"}
_UNQUOTABLE = frozenset("`\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One compared column, under its name in the left table."""

    name: str
    type: str
    policy: ColumnPolicy

    @property
    def tolerance(self) -> Tolerance | None:
        return self.policy if isinstance(self.policy, Tolerance) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The compared columns in canonical order (by lower-case name), and the columns with a part of their own."""

    columns: tuple[Column, ...]
    keys: tuple[Column, ...]
    pairing: tuple[Column, ...]
    dimensions: tuple[Column, ...]
    day: Column | None
    span: tuple[Column, Column] | None
    fields: Mapping[str, Field]
    ignores: bool

    @property
    def names(self) -> frozenset[str]:
        """Every column of the table, in lower case."""
        return frozenset(self.fields)

    @property
    def tolerant(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.tolerance)

    @property
    def hash(self) -> str:
        return content_hash([[column.name.lower(), column.type] for column in self.columns])


def layout(facts: TableFacts, policy: ComparisonPolicy, *, engine: str) -> Layout:
    """Read a schema under a policy.

    BadDeclaration if the policy names a column that is not there; Uncomparable if a column's type has no policy that
    covers it, or not the one declared.
    """
    fields = {field.name.lower(): field for field in facts.schema}
    _known(policy, fields, str(facts.name))
    ignored = {name.lower() for name in policy.ignore}
    declared = {name.lower(): kind for name, kind in policy.columns.items()}
    columns = {
        name: _column(field, declared.get(name, Exact()), engine)
        for name, field in sorted(fields.items())
        if name not in ignored
    }
    if not columns:
        raise BadDeclaration(f"{facts.name}: every column is ignored; leave at least one to compare")

    def plain(names: Sequence[str]) -> tuple[Column, ...]:
        return tuple(columns.get(name.lower()) or _column(fields[name.lower()], Exact(), engine) for name in names)

    return Layout(
        columns=tuple(columns.values()),
        keys=plain(policy.keys),
        pairing=plain(policy.alternate_keys if policy.content_hash_key and policy.alternate_keys else policy.keys),
        dimensions=plain(policy.dimensions),
        day=_of_day(plain([policy.day])[0], "day") if policy.day else None,
        span=_span(plain([policy.span.start, policy.span.end])) if policy.span else None,
        fields=fields,
        ignores=bool(ignored),
    )


def differences(left: TableFacts, right: TableFacts, policy: ComparisonPolicy) -> tuple[str, ...]:
    """What tells the two schemas apart, one line each; ignored columns and column order do not."""
    ignored = {name.lower() for name in policy.ignore}
    loose = "VIEW" in (left.kind, right.kind)
    return tuple(_field_differences(_kept(left.schema, ignored), _kept(right.schema, ignored), "", loose))


def _kept(fields: Sequence[Field], ignored: set[str]) -> tuple[Field, ...]:
    return tuple(field for field in fields if field.name.lower() not in ignored)


def _field_differences(left: Sequence[Field], right: Sequence[Field], path: str, loose: bool) -> Iterator[str]:
    lefts, rights = ({field.name.lower(): field for field in side} for side in (left, right))
    for name in sorted(lefts.keys() | rights.keys()):
        mine, theirs = lefts.get(name), rights.get(name)
        if mine is None or theirs is None:
            only = mine or theirs
            assert only is not None  # noqa: S101  # one of the two holds the name
            yield f"{path}{only.name} {_shown(only, loose)}: only {'left' if mine else 'right'}"
        elif _shown(mine, loose) != _shown(theirs, loose):
            yield f"{path}{mine.name}: {_shown(mine, loose)} left, {_shown(theirs, loose)} right"
        else:
            yield from _field_differences(mine.fields, theirs.fields, f"{path}{mine.name}.", loose)


def _shown(field: Field, loose: bool) -> str:
    """Type and mode; a view never says REQUIRED, so beside one that is no difference."""
    if field.mode == "REPEATED":
        return f"ARRAY<{field.type}>"
    return field.type if loose or field.mode == "NULLABLE" else f"{field.type} {field.mode}"


def _known(policy: ComparisonPolicy, fields: Mapping[str, Field], table: str) -> None:
    named = {
        "keys": policy.keys,
        "columns": tuple(path.split(".")[0].removesuffix("[]") for path in policy.columns),
        "alternate_keys": policy.alternate_keys,
        "dimensions": policy.dimensions,
        "day": (policy.day,) if policy.day else (),
        "span": (policy.span.start, policy.span.end) if policy.span else (),
    }
    for part, names in named.items():
        for name in names:
            if name.lower() not in fields:
                raise BadDeclaration(f"{table} has no column {name!r}, named in {part}; it has {', '.join(fields)}")


def _column(field: Field, policy: ColumnPolicy, engine: str) -> Column:
    if _UNQUOTABLE & set(field.name):
        raise Uncomparable(f"column {field.name!r}: its name cannot be quoted; declare it under ignore with a reason")
    kind = f"ARRAY<{field.type}>" if field.mode == "REPEATED" else field.type
    if kind not in SCALARS:
        raise Uncomparable(f"column {field.name}: {kind} is not compared yet; declare it under ignore with a reason")
    if engine == "local" and kind == "BIGNUMERIC":
        raise Uncomparable(f"column {field.name}: the local engine cannot hold a BIGNUMERIC's 76 digits")
    if not _fits(policy, kind):
        raise Uncomparable(f"column {field.name}: the policy {policy.kind!r} does not fit its type {kind}")
    return Column(name=field.name, type=kind, policy=policy)


def _fits(policy: ColumnPolicy, kind: str) -> bool:
    match policy:
        case Exact():
            return True
        case Tolerance():
            return kind in NUMBERS
        case Json():
            return kind in ("STRING", "JSON")
        case Bitwise():
            return kind == "FLOAT64"
        case Unordered():
            return kind.startswith("ARRAY<")
        case Geography():
            return kind == "GEOGRAPHY"


def _of_day(column: Column, part: str) -> Column:
    if column.type not in DAY_TYPES:
        raise BadDeclaration(f"{part}: column {column.name} is {column.type}; give a DATE, TIMESTAMP or DATETIME")
    return column


def _span(columns: tuple[Column, ...]) -> tuple[Column, Column]:
    start, end = columns
    return _of_day(start, "span.start"), _of_day(end, "span.end")
