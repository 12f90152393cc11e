"""Random pairs of tables: any type, nesting, policies and keys, and sides that are equal but for a change or two.

Many pairs travel in one table: every pair is the rows of one day. A batch shares its columns, keys and policies.
"""

from __future__ import annotations

import io
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from google.cloud import bigquery

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster_tests.comparing.families import NULLS_TWIN
from dit_dagster_tests.comparing.oracle import Spec

FIRST = date(2020, 1, 1)
NAMES = ("id", "select", "Order", "näme", "a_b", "n", "net", "side", "key", "end", "v", "t", "e0")
FIELDS = ("x", "end", "Select", "ü", "t", "v", "element")
TEXTS = (
    "",
    " ",
    "a",
    "A",
    "a ",
    "ab",
    "null",
    "NaN",
    "é",
    "e\u0301",
    "日本",
    "\U0001f600",
    '"',
    "'",
    "\\",
    "a\nb",
    "~a",
    "[]",
    '["a"]',
    *(day + day for day in ("20140712", "20140715", "20140718")),
    *(f"{number:07d}{mark}{number:07d}{mark}" for number in range(40) for mark in "1q"),
    *("abcdefgh" * 2, "abcdefgh" * 3, "zabcdefgh", "abcdefghz", "9000030", "9000031", "NULL", "|", "\x00", "\x01"),
)
DOCUMENTS = (
    '{"a":1,"b":[1,2]}',
    '{"b": [1, 2.0], "a": 1.0}',
    '{"a":1,"b":[2,1]}',
    "[]",
    "{}",
    "null",
    "1",
    "1.0",
    '"x"',
)
NO_DOCUMENTS = ("x", "", '{"a":1,"b":[1,2],}', "[]x", "[1,]", "NaN", "01")
POOLS: dict[str, tuple[Any, ...]] = {
    "INT64": (0, 1, -1, 2, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), NULLS_TWIN, 9000030, 9000031),
    "FLOAT64": (0.0, -0.0, 1.0, 1.0 + 2**-52, 0.1, 0.3, 0.1 + 0.2, 1e300, 5e-324, math.inf, -math.inf, math.nan, 1.5),
    "NUMERIC": tuple(map(Decimal, ("0", "1", "1.000000001", "-1", "0.1", "12345678901234567890.123456789"))),
    "BOOL": (True, False),
    "STRING": TEXTS,
    "BYTES": (b"", b"\x00", b"\xff", b"a", b"a\x00"),
    "DATE": (date(1, 1, 1), date(1970, 1, 1), date(2020, 2, 29), date(9999, 12, 31)),
    "TIME": (time(0), time(12, 0, 0, 1), time(23, 59, 59, 999999)),
    "DATETIME": tuple(map(datetime.fromisoformat, ("1970-01-01", "2020-01-01", "2020-01-01T00:00:00.000001"))),
    "TIMESTAMP": (datetime(1970, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
    "JSON": DOCUMENTS,
}
ARROW: Mapping[str, pa.DataType] = {
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "BOOL": pa.bool_(),
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "JSON": pa.string(),
}
NUMBERS = ("INT64", "FLOAT64", "NUMERIC")
TOLERANCES = ((0.5, 0.0), (0.0, 1e-9), (1e-9, 1e-15), (1.0, 0.25))
PARTS = (0.5, 1.0, 1.0 + 1e-9, 1.5)
_DEEPEST = 3

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Pairs of one shape, one per day, or one alone. `unique` says that no key occurs twice on a side."""

    columns: Mapping[str, Spec]
    keys: tuple[str, ...]
    unique: bool
    pairs: tuple[tuple[Rows, Rows], ...]

    @property
    def policy(self) -> ComparisonPolicy:
        kinds = {path: kind for name, spec in self.columns.items() for path, kind in _declared(name, spec)}
        if len(self.pairs) == 1:
            return ComparisonPolicy.model_validate({"keys": self.keys, "columns": kinds})
        keys = ("pair", *self.keys) if self.keys else ()
        return ComparisonPolicy.model_validate({"keys": keys, "columns": kinds, "day": "pair"})


def _declared(path: str, spec: Spec) -> Iterator[tuple[str, Any]]:
    if spec.policy == "tolerance":
        yield path, {"tolerance": {"abs": spec.abs, "rel": spec.rel}}
    elif spec.bounded_json:
        yield path, {"json": {"abs": spec.abs, "rel": spec.rel}}
    elif spec.policy != "exact":
        yield path, spec.policy
    if spec.element is not None:
        yield from _declared(f"{path}[]", spec.element)
    for name, inner in spec.fields:
        yield from _declared(f"{path}.{name}", inner)


def make_batch(seed: int, size: int) -> Batch:
    """The batch of a seed, the same everywhere."""
    chance = random.Random(seed)
    names = chance.sample(NAMES, chance.randint(1, 5))
    columns = {name: _spec(chance, 0) for name in names}
    keys = tuple(name for name in names if _can_be_key(columns[name]) and chance.random() < 0.6)
    if seed % 4 == 0:
        keys, columns = (), {name: _without_tolerance(spec) for name, spec in columns.items()}
    elif not keys and any(spec.tolerant for spec in columns.values()) and chance.random() < 0.9:
        # Without a key most of these would have one answer for the whole batch: INCOMPARABLE.
        keys, columns = ("row",), columns | {"row": Spec(type="INT64")}
    tolerant = [name for name in names if columns[name].tolerant]
    # Where rows of one key can be paired in several ways, more than one tolerance has no answer of its own.
    unique = bool(keys) and (len(tolerant) > 1 or any(columns[name].policy != "tolerance" for name in tolerant))
    unique = unique or (bool(keys) and chance.random() < 0.5)
    pairs = tuple(_pair(chance, columns, keys if unique else ()) for _ in range(size))
    return Batch(columns=columns, keys=keys, unique=unique, pairs=pairs)


def _can_be_key(spec: Spec) -> bool:
    return spec.policy == "exact" and spec.type not in ("ARRAY", "STRUCT", "JSON")


def _without_tolerance(spec: Spec) -> Spec:
    return replace(
        spec,
        policy="exact" if spec.policy == "tolerance" else spec.policy,
        abs=0.0,
        rel=0.0,
        fields=tuple((name, _without_tolerance(inner)) for name, inner in spec.fields),
        element=_without_tolerance(spec.element) if spec.element else None,
    )


def _spec(chance: random.Random, depth: int, *, in_array: bool = False) -> Spec:
    nested = ("ARRAY", "STRUCT") if depth < _DEEPEST else ()
    kind = chance.choice((*POOLS, "DOCUMENT", *nested, *nested, *nested))
    match kind:
        case "STRUCT":
            names = chance.sample(FIELDS, chance.randint(1, 3))
            return Spec(
                type="STRUCT", fields=tuple((name, _spec(chance, depth + 1, in_array=in_array)) for name in names)
            )
        case "ARRAY":
            element = _spec(chance, depth + 1, in_array=True)
            while element.type == "ARRAY":  # BigQuery has no ARRAY of ARRAYs
                element = _spec(chance, depth + 1, in_array=True)
            if chance.random() < 0.25:
                return Spec(type="ARRAY", policy="unordered", element=_without_tolerance(element))
            return Spec(type="ARRAY", element=element)
        case "DOCUMENT" | "JSON" if in_array:  # INCOMPARABLE on the local engine
            return Spec(type="STRING")
        case "DOCUMENT":
            return _document(chance, "STRING")
        case "JSON":
            return _document(chance, "JSON") if chance.random() < 0.5 else Spec(type="JSON")
    return _scalar(chance, kind)


def _document(chance: random.Random, kind: str) -> Spec:
    low, high = chance.choice(TOLERANCES) if chance.random() < 0.5 else (0.0, 0.0)
    return Spec(type=kind, policy="json", abs=low, rel=high)


def _scalar(chance: random.Random, kind: str) -> Spec:
    if kind in NUMBERS and chance.random() < 0.4:
        low, high = chance.choice(TOLERANCES)
        return Spec(type=kind, policy="tolerance", abs=low, rel=high)
    if kind == "FLOAT64" and chance.random() < 0.2:
        return Spec(type=kind, policy="bitwise")
    return Spec(type=kind)


def _pair(chance: random.Random, columns: Mapping[str, Spec], unique: tuple[str, ...]) -> tuple[Rows, Rows]:
    left = [_row(chance, columns) for _ in range(chance.randint(0, 5))]
    left += [dict(row) for row in chance.sample(left, chance.randint(0, min(2, len(left))))]
    right = [dict(row) for row in left]
    chance.shuffle(right)
    if any(spec.tolerant for spec in columns.values()) and chance.random() < 0.5:
        part = chance.choice((*PARTS, 1.0))
        right = [{name: _all_moved(chance, row[name], spec, part) for name, spec in columns.items()} for row in right]
        changes = chance.choice((0, 0, 0, 1))
    else:
        changes = chance.choice((0, 1, 1, 1, 2))
    for _ in range(changes):
        _change(chance, columns, right)
    return (_first_of_each(left, unique), _first_of_each(right, unique)) if unique else (left, right)


def _change(chance: random.Random, columns: Mapping[str, Spec], rows: Rows) -> None:
    match chance.randint(0, 4):
        case 0 if rows:
            rows.pop()
        case 1 if rows:
            rows.append(dict(chance.choice(rows)))
        case 2:
            rows.append(_row(chance, columns))
        case _ if rows:
            tolerant = [name for name in columns if columns[name].tolerant]
            row = chance.choice(rows)
            name = chance.choice(tolerant if tolerant and chance.random() < 0.7 else list(columns))
            row[name] = changed(chance, row[name], columns[name])


def changed(chance: random.Random, value: Any, spec: Spec) -> Any:
    """Another value, often one that differs in a single place deep inside; now and then the same again."""
    if value is None or chance.random() < 0.2:
        return _value(chance, spec)
    if spec.type == "STRUCT":
        name, inner = chance.choice(spec.fields)
        return {**value, name: changed(chance, value[name], inner)}
    if spec.element is not None:
        elements = list(value)
        match chance.randint(0, 3):
            case 0 if elements:
                elements.pop(chance.randrange(len(elements)))
            case 1:
                elements.append(_element(chance, spec.element))
            case 2:
                chance.shuffle(elements)
            case _ if elements:
                place = chance.randrange(len(elements))
                elements[place] = changed(chance, elements[place], spec.element)
                if elements[place] is None and spec.element.type != "STRUCT":
                    elements.pop(place)
        return elements
    if spec.tolerant and chance.random() < 0.8:
        return _moved(chance, value, spec, chance.choice(PARTS))
    return _value(chance, spec)


def _all_moved(chance: random.Random, value: Any, spec: Spec, part: float) -> Any:
    """Every second number that has a tolerance, at any depth, moved by that part of it."""
    if value is None:
        return None
    if spec.type == "STRUCT":
        return {name: _all_moved(chance, value[name], inner, part) for name, inner in spec.fields}
    if spec.element is not None:
        return [_all_moved(chance, each, spec.element, part) for each in value]
    if spec.tolerant and chance.random() < 0.5:
        return _moved(chance, value, spec, part)
    return value


def _moved(chance: random.Random, value: Any, spec: Spec, part: float) -> Any:
    """A number as far off as that part of its tolerance: 1 is exactly at the bound."""
    sign = chance.choice((1, -1))
    if spec.bounded_json:
        return _with_numbers_moved(value, spec, sign * part)
    if isinstance(value, float):
        bound = max(spec.abs, spec.rel * abs(value))
        return value + sign * bound * part if math.isfinite(value) else value
    with localcontext(prec=80):
        bound = max(Decimal(repr(spec.abs)), Decimal(repr(spec.rel)) * abs(value))
        moved = (value + sign * bound * Decimal(repr(part))).quantize(Decimal("1e-9"))
    if spec.type == "INT64":
        near = int(moved)
        return near if -(2**63) <= near < 2**63 else value
    return moved


def _with_numbers_moved(text: str, spec: Spec, part: float) -> str:
    """A document of which every number was moved by that part of its tolerance; a text that is none as it is."""

    def moved(value: Any) -> Any:
        match value:
            case dict():
                return {name: moved(each) for name, each in value.items()}
            case list():
                return [moved(each) for each in value]
            case bool():
                return value
            case int() | float():
                return value + part * max(spec.abs, spec.rel * abs(value))
        return value

    try:
        return json.dumps(moved(json.loads(text)))
    except ValueError:
        return text


def _first_of_each(rows: Rows, keys: tuple[str, ...]) -> Rows:
    seen: dict[str, dict[str, Any]] = {}
    for row in rows:
        seen.setdefault(repr([row[key] + 0.0 if isinstance(row[key], float) else row[key] for key in keys]), row)
    return list(seen.values())


def _row(chance: random.Random, columns: Mapping[str, Spec]) -> dict[str, Any]:
    return {name: _value(chance, spec) for name, spec in columns.items()}


def _value(chance: random.Random, spec: Spec) -> Any:
    return None if chance.random() < 0.15 else _present(chance, spec)


def _present(chance: random.Random, spec: Spec) -> Any:
    if spec.type == "STRUCT":
        return {name: _value(chance, inner) for name, inner in spec.fields}
    if spec.element is not None:
        return [_element(chance, spec.element) for _ in range(chance.randint(0, 3))]
    if spec.policy == "json" and spec.type == "STRING":
        return chance.choice((*DOCUMENTS, *NO_DOCUMENTS))
    return chance.choice(POOLS[spec.type])


def _element(chance: random.Random, spec: Spec) -> Any:
    """BigQuery stores no NULL elements; a NULL STRUCT is there to be told from a STRUCT of NULLs."""
    return _value(chance, spec) if spec.type == "STRUCT" else _present(chance, spec)


def load(warehouse: BigQueryWarehouse, name: TableName, batch: Batch, side: int) -> TableName:
    """The batch's left (0) or right (1) table, through Google's client; columns are in another order on the right."""
    specs = {"pair": Spec(type="DATE")} | dict(batch.columns) if len(batch.pairs) > 1 else dict(batch.columns)
    order = sorted(specs, reverse=side == 1)
    schema = [_field(column, specs[column]) for column in order]
    rows = [
        {column: row[column] if column in row else FIRST + timedelta(days=i) for column in order}
        for i, pair in enumerate(batch.pairs)
        for row in pair[side]
    ]
    warehouse.client.create_table(bigquery.Table(str(name), schema=schema))
    held = pa.schema([(column, _arrow(specs[column])) for column in order])
    file = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(rows, schema=held), file)
    file.seek(0)
    config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_TRUNCATE", schema=schema)
    warehouse.client.load_table_from_file(file, str(name), job_config=config).result()
    return name


def _field(name: str, spec: Spec) -> bigquery.SchemaField:
    if spec.element is not None:
        inner = _field(name, spec.element)
        return bigquery.SchemaField(name, inner.field_type, mode="REPEATED", fields=inner.fields)
    return bigquery.SchemaField(name, spec.type, fields=[_field(child, inner) for child, inner in spec.fields])


def _arrow(spec: Spec) -> pa.DataType:
    if spec.element is not None:
        return pa.list_(_arrow(spec.element))
    if spec.fields:
        return pa.struct([(name, _arrow(inner)) for name, inner in spec.fields])
    return ARROW[spec.type]
