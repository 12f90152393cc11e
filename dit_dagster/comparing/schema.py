"""Which columns are compared, and how: a table's schema read under a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
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
    """One compared column, under its name in the left table: a scalar, an ARRAY, or a leaf or the presence of a STRUCT.

    `path` leads to it (`s.x` is two names); `field` tells what an ARRAY holds.
    """

    name: str
    type: str
    policy: ColumnPolicy
    path: tuple[str, ...] = ()
    field: Field | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        return self.path or (self.name,)

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
    leaves = {name.lower(): (path, field) for name, path, field in _leaves(facts.schema, ())}
    _known(policy, leaves.keys() | fields.keys(), str(facts.name))
    declared = {name.lower(): kind for name, kind in policy.columns.items()}
    columns = {
        name: _column(path, field, declared.get(name, Exact()), engine)
        for name, (path, field) in sorted(leaves.items())
        if not _is_ignored(name, policy)
    }
    if not columns:
        raise BadDeclaration(f"{facts.name}: every column is ignored; leave at least one to compare")

    def plain(names: Sequence[str]) -> tuple[Column, ...]:
        found = (name.lower() for name in names)
        return tuple(columns.get(name) or _column(*leaves[name], Exact(), engine) for name in found)

    return Layout(
        columns=tuple(columns.values()),
        keys=plain(policy.keys),
        pairing=plain(policy.alternate_keys if policy.content_hash_key and policy.alternate_keys else policy.keys),
        dimensions=plain(policy.dimensions),
        day=_of_day(plain([policy.day])[0], "day") if policy.day else None,
        span=_span(plain([policy.span.start, policy.span.end])) if policy.span else None,
        fields=fields,
        ignores=bool(policy.ignore),
    )


def _leaves(fields: Iterable[Field], above: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...], Field]]:
    """Every column by its path. A STRUCT is told apart into its leaves, and itself, which says whether it is there."""
    for field in fields:
        path = (*above, field.name)
        yield ".".join(path), path, field
        if field.type == "STRUCT" and field.mode != "REPEATED":
            yield from _leaves(field.fields, path)


def _is_ignored(name: str, policy: ComparisonPolicy) -> bool:
    """A column is ignored by its own name or by that of a STRUCT around it."""
    ignored = {each.lower() for each in policy.ignore}
    parts = name.split(".")
    return any(".".join(parts[:depth]) in ignored for depth in range(1, len(parts) + 1))


def differences(left: TableFacts, right: TableFacts, policy: ComparisonPolicy) -> tuple[str, ...]:
    """What tells the two schemas apart, one line each; ignored columns and column order do not."""
    loose = "VIEW" in (left.kind, right.kind)
    return tuple(_field_differences(left.schema, right.schema, "", loose, policy))


def _field_differences(
    left: Sequence[Field], right: Sequence[Field], path: str, loose: bool, policy: ComparisonPolicy
) -> Iterator[str]:
    lefts, rights = ({field.name.lower(): field for field in side} for side in (left, right))
    for name in sorted(lefts.keys() | rights.keys()):
        if _is_ignored(f"{path}{name}".lower(), policy):
            continue
        mine, theirs = lefts.get(name), rights.get(name)
        if mine is None or theirs is None:
            only = mine or theirs
            assert only is not None  # noqa: S101  # one of the two holds the name
            yield f"{path}{only.name} {_shown(only, loose)}: only {'left' if mine else 'right'}"
        elif _shown(mine, loose) != _shown(theirs, loose):
            yield f"{path}{mine.name}: {_shown(mine, loose)} left, {_shown(theirs, loose)} right"
        else:
            yield from _field_differences(mine.fields, theirs.fields, f"{path}{mine.name}.", loose, policy)


def _shown(field: Field, loose: bool) -> str:
    """Type and mode; a view never says REQUIRED, so beside one that is no difference."""
    if field.mode == "REPEATED":
        return f"ARRAY<{field.type}>"
    return field.type if loose or field.mode == "NULLABLE" else f"{field.type} {field.mode}"


def _known(policy: ComparisonPolicy, names: AbstractSet[str], table: str) -> None:
    for path in policy.columns:
        if "[]" in path and path.split("[]")[0].lower() in names:
            raise Uncomparable(f"column {path}: a policy on what is within an ARRAY is not covered yet")
    declared = {
        "keys": policy.keys,
        "columns": tuple(policy.columns),
        "alternate_keys": policy.alternate_keys,
        "dimensions": policy.dimensions,
        "day": (policy.day,) if policy.day else (),
        "span": (policy.span.start, policy.span.end) if policy.span else (),
    }
    for part, asked in declared.items():
        for name in asked:
            if name.lower() not in names:
                known = ", ".join(sorted(names))
                raise BadDeclaration(f"{table} has no column {name!r}, named in {part}; it has {known}")


def _column(path: tuple[str, ...], field: Field, policy: ColumnPolicy, engine: str) -> Column:
    name, kind = ".".join(path), spelled(field)
    _check(name, field, engine)
    if not _fits(policy, field):
        raise Uncomparable(f"column {name}: the policy {policy.kind!r} does not fit its type {kind}")
    repeated = field if field.mode == "REPEATED" else None
    simple = "STRUCT" if kind.startswith("STRUCT") else kind
    return Column(name=name, type=simple, policy=policy, path=path, field=repeated)


def spelled(field: Field) -> str:
    """A field's type in full."""
    kind = field.type
    if kind == "STRUCT":
        kind = f"STRUCT<{', '.join(f'{child.name} {spelled(child)}' for child in field.fields)}>"
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind


def _check(name: str, field: Field, engine: str) -> None:
    """Refuse what cannot be held or told apart, down to the fields of what an ARRAY holds."""
    if _UNQUOTABLE & set(field.name):
        raise Uncomparable(f"column {name!r}: its name cannot be quoted; declare it under ignore with a reason")
    if field.type not in SCALARS and not (field.type == "STRUCT" and field.fields):
        raise Uncomparable(f"column {name}: {field.type} is not compared yet; declare it under ignore with a reason")
    if engine == "local" and field.type == "BIGNUMERIC":
        raise Uncomparable(f"column {name}: the local engine cannot hold a BIGNUMERIC's 76 digits")
    if field.mode == "REPEATED" or "[]" in name:
        if field.type == "JSON" or (engine == "local" and field.type == "NUMERIC"):
            raise Uncomparable(f"column {name}: {field.type} within an ARRAY is not compared yet")
        for child in field.fields:
            _check(f"{name.removesuffix('[]')}[].{child.name}", child, engine)


def _fits(policy: ColumnPolicy, field: Field) -> bool:
    repeated = field.mode == "REPEATED"
    match policy:
        case Exact():
            return True
        case Tolerance():
            return field.type in NUMBERS and not repeated
        case Json():
            return field.type in ("STRING", "JSON") and not repeated
        case Bitwise():
            return field.type == "FLOAT64" and not repeated
        case Unordered():
            return repeated
        case Geography():
            return field.type == "GEOGRAPHY" and not repeated


def _of_day(column: Column, part: str) -> Column:
    if column.type not in DAY_TYPES:
        raise BadDeclaration(f"{part}: column {column.name} is {column.type}; give a DATE, TIMESTAMP or DATETIME")
    return column


def _span(columns: tuple[Column, ...]) -> tuple[Column, Column]:
    start, end = columns
    return _of_day(start, "span.start"), _of_day(end, "span.end")
