"""Which columns are compared, and how: a table's schema read under a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dit_dagster.errors import BadDeclaration, Uncomparable
from dit_dagster.model.identity import content_hash
from dit_dagster.model.policy import (
    Bitwise,
    ColumnPolicy,
    ComparisonPolicy,
    Exact,
    Forgiving,
    Geography,
    Json,
    Tolerance,
    Unordered,
    forgives,
)
from dit_dagster.ports import Field, TableFacts

NUMBERS = frozenset({"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"})
DAY_TYPES = frozenset({"DATE", "TIMESTAMP", "DATETIME"})
RANGES = frozenset(f"RANGE<{kind}>" for kind in DAY_TYPES)
SCALARS = NUMBERS | DAY_TYPES | RANGES | {"BOOL", "STRING", "BYTES", "TIME", "JSON", "INTERVAL", "GEOGRAPHY"}
_NOT_HELD_LOCALLY = {
    "BIGNUMERIC": "a BIGNUMERIC's 76 digits",
    "GEOGRAPHY": "a GEOGRAPHY as BigQuery does",
    "INTERVAL": "an INTERVAL as BigQuery does",
    **dict.fromkeys(RANGES, "a RANGE"),
}
_UNQUOTABLE = frozenset("`\\")


Within = tuple[tuple[str, ColumnPolicy], ...]
"""Policies on what an ARRAY holds, by full path in lower case."""

ELEMENTS = "[]"
"""The step of a path from an ARRAY to its elements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One compared column, under its name in the left table: a scalar, an ARRAY, or a leaf or the presence of a STRUCT.

    `path` leads to it (`s.x` is two names); `field` tells what an ARRAY holds, and `within` how it is compared. A path
    with ELEMENTS in it leads to all the values that an ARRAY's elements have there, in order: a list.
    """

    name: str
    type: str
    policy: ColumnPolicy
    path: tuple[str, ...] = ()
    field: Field | None = None
    within: Within = ()

    @property
    def steps(self) -> tuple[str, ...]:
        return self.path or (self.name,)

    @property
    def is_list(self) -> bool:
        return ELEMENTS in self.path

    @property
    def tolerance(self) -> Forgiving | None:
        """The bound within which two different values pass."""
        return self.policy if forgives(self.policy) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The compared columns in canonical order (by lower-case name), and the columns with a part of their own.

    `columns` are those of a row; `leaves` say the same in more words, where an ARRAY of STRUCTs is told apart into its
    elements' fields: for what is told of a difference. Equal columns have equal leaves and the other way about.
    """

    columns: tuple[Column, ...]
    leaves: tuple[Column, ...]
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
        return tuple(column for column in self.leaves if column.tolerance)

    @property
    def untolerant(self) -> tuple[Column, ...]:
        """What of a row must be equal: with `tolerant` all of it."""
        loose = {column.path[0].lower() for column in self.tolerant if column.is_list}
        whole = [each for each in self.columns if not each.tolerance and each.steps[0].lower() not in loose]
        parts = [each for each in self.leaves if not each.tolerance and each.steps[0].lower() in loose]
        return (*whole, *parts)

    @property
    def hash(self) -> str:
        return content_hash([[column.name.lower(), column.type] for column in self.columns])


def layout(facts: TableFacts, policy: ComparisonPolicy, *, engine: str) -> Layout:
    """Read a schema under a policy.

    BadDeclaration if the policy names a column that is not there; Uncomparable if a column's type has no policy that
    covers it, or not the one declared.
    """
    fields = {field.name.lower(): field for field in facts.schema}
    found = {name.lower(): (path, field) for name, path, field in _leaves(facts.schema, ())}
    declared = {name.lower(): kind for name, kind in policy.columns.items()}
    _known(policy, found, str(facts.name))
    columns = {
        name: _column(path, field, declared, engine)
        for name, (path, field) in sorted(found.items())
        if not _is_ignored(name, policy)
    }
    if not columns:
        raise BadDeclaration(f"{facts.name}: every column is ignored; leave at least one to compare")

    def plain(names: Sequence[str]) -> tuple[Column, ...]:
        asked = (name.lower() for name in names)
        return tuple(columns.get(name) or _column(*found[name], {}, engine) for name in asked)

    return Layout(
        columns=tuple(columns.values()),
        leaves=tuple(leaf for column in columns.values() for leaf in told_apart(column)),
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


def refuse_unknown_ignored(tables: Sequence[TableFacts], policy: ComparisonPolicy) -> None:
    """BadDeclaration for an ignored column that no table has: a misspelt name ignores nothing, or something else.

    One that only some of the tables have is what a change of the schema looks like, and stays ignored.
    """
    known = {name.lower() for table in tables for name, _, _ in _leaves(table.schema, ())}
    unknown = [name for name in policy.ignore if ELEMENTS not in name and name.lower() not in known]
    if unknown:
        raise BadDeclaration(
            f"{tables[0].name} has no column {unknown[0]!r}, named in ignore; it has {', '.join(sorted(known))}"
        )


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


def _known(policy: ComparisonPolicy, leaves: Mapping[str, tuple[tuple[str, ...], Field]], table: str) -> None:
    """Refuse names that the table does not have. Keys, days and the like are columns, not what is within an ARRAY."""
    for name in policy.ignore:
        if ELEMENTS in name:
            raise BadDeclaration(f"ignore: {name}: a part of an ARRAY cannot be ignored; ignore the column, or a view")
    within = {inner for name, (_, field) in leaves.items() for inner, _ in _inner(name, field)}
    declared = {
        "keys": policy.keys,
        "columns": tuple(policy.columns),
        "alternate_keys": policy.alternate_keys,
        "dimensions": policy.dimensions,
        "day": (policy.day,) if policy.day else (),
        "span": (policy.span.start, policy.span.end) if policy.span else (),
    }
    for part, asked in declared.items():
        names = leaves.keys() | within if part == "columns" else leaves.keys()
        for name in asked:
            if name.lower() not in names:
                known = ", ".join(sorted(names))
                raise BadDeclaration(f"{table} has no column {name!r}, named in {part}; it has {known}")


def _inner(name: str, field: Field) -> Iterator[tuple[str, Field]]:
    """What an ARRAY holds, by full path in lower case: its elements, their fields, and what those hold."""
    if field.mode == "REPEATED":
        element = replace(field, mode="NULLABLE")
        yield f"{name}{ELEMENTS}", element
        yield from _members(f"{name}{ELEMENTS}", element)


def _members(name: str, field: Field) -> Iterator[tuple[str, Field]]:
    for child in field.fields:
        path = f"{name}.{child.name.lower()}"
        yield path, child
        yield from _inner(path, child)
        if child.mode != "REPEATED":
            yield from _members(path, child)


def _column(path: tuple[str, ...], field: Field, declared: Mapping[str, ColumnPolicy], engine: str) -> Column:
    name, kind = ".".join(path), spelled(field)
    policy = declared.get(name.lower(), Exact())
    _check(name, field, policy, engine)
    within = []
    for inner, held in _inner(name.lower(), field):
        _check(inner, held, declared.get(inner, Exact()), engine)
        if inner in declared:
            within.append((inner, declared[inner]))
    _check_unordered(name.lower(), policy, within)
    repeated = field if field.mode == "REPEATED" else None
    simple = "STRUCT" if kind.startswith("STRUCT") else kind
    return Column(name=name, type=simple, policy=policy, path=path, field=repeated, within=tuple(within))


def _check_unordered(name: str, policy: ColumnPolicy, within: Sequence[tuple[str, ColumnPolicy]]) -> None:
    """Elements without an order are not paired, so that nothing can lie within a tolerance of its counterpart."""
    unordered = [path for path, each in ((name, policy), *within) if isinstance(each, Unordered)]
    for path, each in within:
        around = next((outer for outer in unordered if path.startswith(f"{outer}{ELEMENTS}")), None)
        if around and forgives(each):
            raise Uncomparable(f"column {path}: it has a tolerance and lies within {around}, which is unordered")


def told_apart(column: Column) -> Iterator[Column]:
    """An ARRAY as lists that can be told of one by one; any other column as it is.

    An ARRAY of STRUCTs is, under its own name, the list of which elements are there, and a list for each of their
    fields. An ARRAY of scalars is a list of its own where its elements have a tolerance.
    """
    if column.field is None or isinstance(column.policy, Unordered):
        yield column
        return
    element, policies = replace(column.field, mode="NULLABLE"), dict(column.within)
    name, path = f"{column.name}{ELEMENTS}", (*column.steps, ELEMENTS)
    policy = policies.get(name.lower(), Exact())
    if element.type == "STRUCT":
        yield Column(name=column.name, type="STRUCT", policy=Exact(), path=path)
        yield from _parts(name, path, element, policies)
    elif forgives(policy):
        yield Column(name=column.name, type=element.type, policy=policy, path=path)
    else:
        yield column


def _parts(name: str, path: tuple[str, ...], of: Field, policies: Mapping[str, ColumnPolicy]) -> Iterator[Column]:
    """The fields of an ARRAY's elements, each a list. An ARRAY within is the list of its elements' presence as well."""
    for child in of.fields:
        inner, steps = f"{name}.{child.name}", (*path, child.name)
        policy = policies.get(inner.lower(), Exact())
        element = policies.get(f"{inner}{ELEMENTS}".lower(), Exact())
        if child.mode != "REPEATED":
            yield Column(name=inner, type=child.type, policy=policy, path=steps)
            yield from _parts(inner, steps, child, policies)
        elif not isinstance(policy, Unordered) and child.type == "STRUCT":
            yield Column(name=inner, type="ARRAY", policy=Exact(), path=steps, field=child)
            yield from _parts(f"{inner}{ELEMENTS}", (*steps, ELEMENTS), replace(child, mode="NULLABLE"), policies)
        elif not isinstance(policy, Unordered) and forgives(element):
            yield Column(name=inner, type="ARRAY", policy=Exact(), path=steps, field=child)
            yield Column(name=f"{inner}{ELEMENTS}", type=child.type, policy=element, path=(*steps, ELEMENTS))
        else:
            within = tuple((each, kind) for each, kind in policies.items() if each.startswith(f"{inner.lower()}["))
            yield Column(name=inner, type=spelled(child), policy=policy, path=steps, field=child, within=within)


def spelled(field: Field) -> str:
    """A field's type in full."""
    kind = field.type
    if kind == "STRUCT":
        kind = f"STRUCT<{', '.join(f'{child.name} {spelled(child)}' for child in field.fields)}>"
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind


def _check(name: str, field: Field, policy: ColumnPolicy, engine: str) -> None:
    """Refuse what cannot be held or told apart, and a policy that does not fit."""
    if _UNQUOTABLE & set(field.name):
        raise Uncomparable(f"column {name!r}: its name cannot be quoted; declare it under ignore with a reason")
    if field.type not in SCALARS and not (field.type == "STRUCT" and field.fields):
        raise Uncomparable(f"column {name}: {field.type} is not compared; declare it under ignore with a reason")
    if engine == "local" and field.type in _NOT_HELD_LOCALLY:
        raise Uncomparable(f"column {name}: the local engine cannot hold {_NOT_HELD_LOCALLY[field.type]}")
    if not _fits(policy, field):
        raise Uncomparable(f"column {name}: the policy {policy.kind!r} does not fit its type {spelled(field)}")
    in_array = field.mode == "REPEATED" or ELEMENTS in name
    if engine == "local" and in_array and (field.type == "JSON" or isinstance(policy, Json)):
        raise Uncomparable(f"column {name}: JSON within an ARRAY is not compared on the local engine")


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
