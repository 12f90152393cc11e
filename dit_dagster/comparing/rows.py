"""The canonical row: what of a row counts, as text and as a hash, in each engine's own functions.

Two values of one type are equal under their policy exactly when their texts are: NULL stays NULL, NaN has one
spelling, -0.0 is 0.0 unless the column says `bitwise`, integers and decimals keep every digit, a FLOAT64 is written
with enough digits to read the same bits back, times in microseconds, bytes in hex. A row's text is the JSON array of
its values' texts, so no two rows share one: ('a', 'bc') and ('ab', 'c') differ.

A row's hash is the MD5 of an injective encoding of every compared column, NULL outside the values of each type. It is
read as two numbers of 64 bits; two different rows share both with a chance of 2^-128.

- BigQuery: MD5 of the row's text.
- The local engine is DuckDB, where text is the slow part, so the encoding is its sort key: per column a byte that tells
  NULL from a value, then the value's bytes in an order that compares as the values do, a text with an end that no
  text holds. Values that differ have sort keys that differ, and so have rows, since no value's bytes begin another's.
  What DuckDB holds in another way than BigQuery means it goes in as canonical text. A constant before the columns
  makes every key a BLOB; those of a few bytes would be numbers.
- DuckDB's own HASH is no such hash: texts of eight-byte blocks collide, and NULL collides with a number. It only
  narrows down where to look (`fingerprint`), in searches whose result is checked by sums of the row's hash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from sqlglot import exp

from dit_dagster.comparing.documents import (
    BIGQUERY_NUMBER,
    BIGQUERY_TOKENS,
    LOCAL_NUMBER,
    LOCAL_TOKENS,
    bigquery_json,
    derived_name,
    local_json,
    reads_json,
)
from dit_dagster.comparing.schema import ELEMENTS, Column
from dit_dagster.comparing.sql import (
    Node,
    array,
    call,
    cast,
    choose,
    column,
    field,
    is_null,
    member,
    named,
    number,
    ordered,
    text,
)
from dit_dagster.model.policy import Bitwise, ColumnPolicy, Exact, Json, Tolerance, Unordered
from dit_dagster.ports import Field

Ends = tuple[Node, Node]

_LOW_BITS = 0xFFFFFFFF
_SALT = "~"
_SORTED = "ASC NULLS FIRST"
_BOTH = "__dit_both"


class Engine(Protocol):
    """How one engine spells the canonical row.

    `keeps_steps`: a named step (WITH) is evaluated once. `decimal` is how a NUMERIC is cast to.
    `buckets_pay`: grouping by row hash is dear enough to sum up by bucket first. `samples_keys`: so is counting keys.
    `json_tokens`: a pattern that takes a canonical JSON text apart. `json_number`: what of such a token is a number.
    """

    keeps_steps: ClassVar[bool]
    decimal: ClassVar[str]
    buckets_pay: ClassVar[bool]
    samples_keys: ClassVar[bool]
    json_tokens: ClassVar[str]
    json_number: ClassVar[str]

    def float_text(self, value: Node) -> Node:
        """A FLOAT64 that is no NaN, with enough digits to read the same bits back."""

    def json(self, value: Node, kind: str, policy: ColumnPolicy) -> Node:
        """The canonical text of a JSON document (documents.py), held as JSON or as text."""

    def each(self, values: Node, name: str, of_element: Node, *, unordered: bool) -> Node:
        """An ARRAY as the ARRAY of its elements' texts, in order or sorted. `of_element` is over the name `name`."""

    def flat(self, values: Node, name: str, of_element: Node) -> Node:
        """An ARRAY of what `of_element`, itself an ARRAY over the name `name`, is of each element, end to end."""

    def texts(self, listed: Node) -> Node:
        """The ARRAY of STRINGs that a list's text stands for."""

    def side_by_side(self, lists: Ends, of_both: Callable[[Ends], Node], aggregate: str) -> Node:
        """Of two ARRAYs, `of_both` of the elements at each place that both have, put together: LOGICAL_AND or MAX."""

    def hashes(self, columns: Sequence[Column], alias: str) -> tuple[Node, Node]:
        """The two halves of a row's 128-bit hash, of a type that can be compared and grouped by."""

    def limbs(self, half: Node) -> tuple[Node, Node]:
        """One half of a row's hash as two numbers of 32 bits, each an INT64 that is never negative."""

    def half_text(self, half: Node) -> Node:
        """One half of a row's hash as a STRING."""

    def fingerprint(self, columns: Sequence[Column], alias: str) -> Node:
        """A 64-bit number that differing rows may share by more than chance: for a search that is checked."""

    def sums(self, hashes: Sequence[Node]) -> tuple[Node, ...]:
        """Aggregates over rows, each a STRING: equal multisets of rows have equal sums."""

    def name(self) -> Node:
        """The engine as digests name it: a STRING. Another value means another hash."""

    def element(self, values: Node, place: Node) -> Node:
        """An element of an array, counted from 1."""

    def held(self, numerics: Sequence[Column], alias: str) -> Node:
        """An aggregate: as what columns with NUMERICs are really held, a line each; empty where there is no doubt."""

    def difference(self, left: Node, right: Node) -> Node:
        """left - right of two FLOAT64; an overflow is NULL or infinite, never an error."""

    def decimal_difference(self, left: Node, right: Node) -> Node:
        """left - right of two decimals; an overflow is NULL."""


class BigQueryEngine:
    """Google's BigQuery."""

    keeps_steps: ClassVar[bool] = False
    decimal: ClassVar[str] = "NUMERIC"
    buckets_pay: ClassVar[bool] = False
    samples_keys: ClassVar[bool] = False
    json_tokens: ClassVar[str] = BIGQUERY_TOKENS
    json_number: ClassVar[str] = BIGQUERY_NUMBER

    def float_text(self, value: Node) -> Node:
        return call("FORMAT", text("%.17g"), value)

    def json(self, value: Node, kind: str, policy: ColumnPolicy) -> Node:
        return bigquery_json(value, kind, policy)

    def each(self, values: Node, name: str, of_element: Node, *, unordered: bool) -> Node:
        place = exp.to_identifier(f"{name}_place", quoted=True)
        alias = exp.TableAlias(columns=[exp.to_identifier(name, quoted=True)])
        texts = exp.select(named(of_element, "element")).from_(
            exp.Unnest(expressions=[values], alias=alias, offset=place)
        )
        return call("ARRAY", texts.order_by(ordered(column("element" if unordered else place.name))))

    def flat(self, values: Node, name: str, of_element: Node) -> Node:
        outer, inner = (exp.to_identifier(f"{name}_{part}", quoted=True) for part in ("place", "within"))
        elements = exp.Unnest(expressions=[values], alias=_only(name), offset=outer)
        within = exp.Unnest(expressions=[of_element], alias=_only(f"{name}_text"), offset=inner)
        texts = exp.select(column(f"{name}_text")).from_(elements).join(within, join_type="cross")
        return call("ARRAY", texts.order_by(ordered(column(outer.name)), ordered(column(inner.name))))

    def texts(self, listed: Node) -> Node:
        return call("JSON_VALUE_ARRAY", listed)

    def side_by_side(self, lists: Ends, of_both: Callable[[Ends], Node], aggregate: str) -> Node:
        left, right = (
            exp.Unnest(expressions=[each], alias=_only(name), offset=exp.to_identifier(f"{name}_place", quoted=True))
            for each, name in zip(lists, ("le", "re"), strict=True)
        )
        meet = exp.EQ(this=column("le_place"), expression=column("re_place"))
        both = call(aggregate, of_both((column("le"), column("re"))))
        return exp.select(both).from_(left).join(right, on=meet).subquery()

    def hashes(self, columns: Sequence[Column], alias: str) -> tuple[Node, Node]:
        """Halves in hex: a number of 64 bits might not be read back from hex, where the upper half has no sign."""
        row = row_text([value_text(each, alias, self) for each in columns])
        digest = call("TO_HEX", call("MD5", row))
        return _characters(digest, 1, 16), _characters(digest, 17, 16)

    def limbs(self, half: Node) -> tuple[Node, Node]:
        first, second = (call("CONCAT", text("0x"), _characters(half, place, 8)) for place in (1, 9))
        return cast(first, "INT64"), cast(second, "INT64")

    def half_text(self, half: Node) -> Node:
        return cast(half, "STRING")

    def fingerprint(self, columns: Sequence[Column], alias: str) -> Node:
        return call("FARM_FINGERPRINT", row_text([value_text(each, alias, self) for each in columns]))

    def sums(self, hashes: Sequence[Node]) -> tuple[Node, ...]:
        """Sums of 32-bit limbs: an INT64 holds those of 2^31 rows, and BigQuery fails rather than wraps beyond."""
        return tuple(cast(call("SUM", limb), "STRING") for half in hashes for limb in self.limbs(half))

    def name(self) -> Node:
        return text("bigquery")

    def element(self, values: Node, place: Node) -> Node:
        return exp.Bracket(this=values, expressions=[place], offset=1, safe=False)

    def held(self, numerics: Sequence[Column], alias: str) -> Node:  # noqa: ARG002  # BigQuery keeps what it is given
        return text("")

    def difference(self, left: Node, right: Node) -> Node:
        return call("SAFE_SUBTRACT", left, right)

    def decimal_difference(self, left: Node, right: Node) -> Node:
        return call("SAFE_SUBTRACT", left, right)


class LocalEngine:
    """DuckDB behind the emulator, which hands functions that GoogleSQL lacks through to it."""

    keeps_steps: ClassVar[bool] = True
    decimal: ClassVar[str] = "NUMERIC(38, 9)"
    buckets_pay: ClassVar[bool] = True
    samples_keys: ClassVar[bool] = True
    json_tokens: ClassVar[str] = LOCAL_TOKENS
    json_number: ClassVar[str] = LOCAL_NUMBER

    def float_text(self, value: Node) -> Node:
        return cast(value, "STRING")

    def json(self, value: Node, kind: str, policy: ColumnPolicy) -> Node:
        return local_json(value, kind, policy)

    def each(self, values: Node, name: str, of_element: Node, *, unordered: bool) -> Node:
        there = exp.Coalesce(this=values, expressions=[array([])])
        element = exp.Lambda(this=of_element, expressions=[exp.to_identifier(name)])
        texts = call("LIST_TRANSFORM", there, element)
        return call("LIST_SORT", texts) if unordered else texts

    def flat(self, values: Node, name: str, of_element: Node) -> Node:
        return call("FLATTEN", self.each(values, name, of_element, unordered=False))

    def texts(self, listed: Node) -> Node:
        return call("FROM_JSON", listed, text('["VARCHAR"]'))

    def side_by_side(self, lists: Ends, of_both: Callable[[Ends], Node], aggregate: str) -> Node:
        pair = exp.to_identifier(_BOTH)
        ends = tuple(call("STRUCT_EXTRACT_AT", column(_BOTH), number(place)) for place in (1, 2))
        each = exp.Lambda(this=of_both((ends[0], ends[1])), expressions=[pair])
        function = {"LOGICAL_AND": "LIST_BOOL_AND", "MAX": "LIST_MAX"}[aggregate]
        return call(function, call("LIST_TRANSFORM", call("LIST_ZIP", *lists), each))

    def hashes(self, columns: Sequence[Column], alias: str) -> tuple[Node, Node]:
        """MD5 is written twice and computed once: DuckDB evaluates equal expressions of one projection together."""
        values = [text(_SALT), *(self._argument(each, alias) for each in columns)]
        in_order = [part for value in values for part in (value, text(_SORTED))]
        digest = call("MD5_NUMBER", call("CREATE_SORT_KEY", *in_order))
        return (
            exp.BitwiseRightShift(this=digest, expression=number(64)),
            exp.BitwiseAnd(this=digest.copy(), expression=number(2**64 - 1)),
        )

    def limbs(self, half: Node) -> tuple[Node, Node]:
        high = exp.BitwiseRightShift(this=half.copy(), expression=number(32))
        low = exp.BitwiseAnd(this=half.copy(), expression=number(_LOW_BITS))
        return cast(high, "INT64"), cast(low, "INT64")

    def half_text(self, half: Node) -> Node:
        """By limbs: DuckDB takes 0.1 ms to write a number of its type of 128 bits."""
        high, low = (cast(limb, "STRING") for limb in self.limbs(half))
        return call("CONCAT", high, text("-"), low)

    def fingerprint(self, columns: Sequence[Column], alias: str) -> Node:
        return call("HASH", call("HASH", *(self._argument(each, alias) for each in columns)))

    def sums(self, hashes: Sequence[Node]) -> tuple[Node, ...]:
        """Sums of limbs: four of INT64 cost a third of what two of unsigned 64-bit values do."""
        return tuple(cast(call("SUM", limb), "STRING") for half in hashes for limb in self.limbs(half))

    def name(self) -> Node:
        return call("CONCAT", text("local/duckdb-"), call("VERSION"))

    def element(self, values: Node, place: Node) -> Node:
        """Not a subscript: the emulator shifts some twice and some not at all."""
        return call("LIST_EXTRACT", values, place)

    def held(self, numerics: Sequence[Column], alias: str) -> Node:
        kinds = [call("TYPEOF", call("ANY_VALUE", field(each.steps, alias))) for each in numerics]
        return call("CONCAT", text(""), *(part for kind in kinds for part in (kind, text("\n"))))

    def difference(self, left: Node, right: Node) -> Node:
        return exp.Sub(this=left, expression=right)

    def decimal_difference(self, left: Node, right: Node) -> Node:
        """NULL beyond 4e28, where the difference might not fit. Not TRY, which is NULL wherever it stands in a CASE."""
        largest = call("GREATEST", call("ABS", left.copy()), call("ABS", right.copy()))
        fits = exp.LTE(this=largest, expression=cast(text("4" + "0" * 28), self.decimal))
        return choose(fits, exp.Sub(this=left, expression=right), exp.Null())

    def _argument(self, of: Column, alias: str) -> Node:
        """A value as DuckDB's own functions take it: a number of any width as BigQuery holds it, what else is text."""
        if not _hashed_natively(of):
            return value_text(of, alias, self)
        value = field(of.steps, alias)
        return cast(value, of.type) if of.type in ("INT64", "FLOAT64") else value


def _only(name: str) -> exp.TableAlias:
    return exp.TableAlias(columns=[exp.to_identifier(name, quoted=True)])


_HASHED_NATIVELY = frozenset({"INT64", "FLOAT64", "BOOL", "STRING", "DATE", "TIME", "DATETIME", "TIMESTAMP"})


def _hashed_natively(of: Column) -> bool:
    return of.type in _HASHED_NATIVELY and isinstance(of.policy, Exact | Tolerance) and not of.is_list


def _characters(value: Node, first: int, count: int) -> Node:
    return call("SUBSTR", value.copy(), number(first), number(count))


class _Unhashed:
    """In place of a hash the canonical row itself: dearer, and nothing is left to chance."""

    buckets_pay: ClassVar[bool] = False
    samples_keys: ClassVar[bool] = False

    def hashes(self: Engine, columns: Sequence[Column], alias: str) -> tuple[Node, Node]:
        return row_text([value_text(each, alias, self) for each in columns]), number(0)

    def half_text(self, half: Node) -> Node:
        return cast(half, "STRING")

    def sums(self, hashes: Sequence[Node]) -> tuple[Node, ...]:  # noqa: ARG002  # there is nothing to sum
        return (text("-"),)


class _ExactBigQuery(_Unhashed, BigQueryEngine):
    pass


class _ExactLocal(_Unhashed, LocalEngine):
    pass


_ENGINES: dict[str, Engine] = {"bigquery": BigQueryEngine(), "local": LocalEngine()}
_EXACT: dict[str, Engine] = {"bigquery": _ExactBigQuery(), "local": _ExactLocal()}


def engine(name: str, *, exact: bool = False) -> Engine:
    """The engine of a warehouse, by `Warehouse.engine`; an exact one tells rows apart by their text, not by hashes."""
    return (_EXACT if exact else _ENGINES)[name]


def value_text(of: Column, alias: str, spelling: Engine) -> Node:
    """A column's canonical text: a STRING, NULL for NULL. Of a list, the JSON array of its values' texts."""
    if of.is_list:
        return call("TO_JSON_STRING", _listed(column(of.path[0], alias), of.path[1:], of, spelling, 0))
    if is_derived(of):
        return column(derived_name(of), alias)
    value = field(of.steps, alias)
    if of.type == "STRUCT":
        return _presence(value)
    return _scalar_text(value, of.type, of.policy, spelling)


def _listed(value: Node, steps: Sequence[str], of: Column, spelling: Engine, depth: int) -> Node:
    """The values that `of` names, end to end, as an ARRAY of their texts; `value` is where its path has come to."""
    place = steps.index(ELEMENTS)
    for name in steps[:place]:
        value = member(value, name)
    rest, name = steps[place + 1 :], _element(depth)
    if ELEMENTS in rest:
        return spelling.flat(value, name, _listed(column(name), rest, of, spelling, depth + 1))
    element: Node = column(name)
    for step in rest:
        element = member(element, step)
    return spelling.each(value, name, _element_text(element, of, spelling, depth + 1), unordered=False)


def _element_text(value: Node, of: Column, spelling: Engine, depth: int) -> Node:
    if of.field is not None and of.type == "ARRAY":
        there = spelling.each(value, _element(depth), _presence(column(_element(depth))), unordered=False)
        return call("TO_JSON_STRING", there)
    if of.field is not None:
        return _Nesting(spelling, dict(of.within)).text(value, of.field, of.policy, of.name.lower(), depth)
    return _presence(value) if of.type == "STRUCT" else _scalar_text(value, of.type, of.policy, spelling)


def _element(depth: int) -> str:
    """A name for an ARRAY's elements that no column has."""
    return f"__dit_e{depth}"


def _presence(value: Node) -> Node:
    return choose(is_null(value), exp.Null(), text("{}"))


def derived(columns: Sequence[Column], spelling: Engine, alias: str) -> list[Node]:
    """Costly canonical texts, to be selected beside the row so that everything after refers to them by name."""
    costly = {derived_name(each): each for each in columns if is_derived(each)}
    return [named(_derived(each, alias, spelling), name) for name, each in costly.items()]


def is_derived(of: Column) -> bool:
    return reads_json(of) or of.field is not None


def _derived(of: Column, alias: str, spelling: Engine) -> Node:
    value = field(of.steps, alias)
    if of.field is None:
        return spelling.json(value, of.type, of.policy)
    return _Nesting(spelling, dict(of.within)).text(value, of.field, of.policy, of.name.lower(), 0)


@dataclass(frozen=True, slots=True)
class _Nesting:
    """Texts of texts, one level of JSON for each level of nesting. A NULL ARRAY is an empty one."""

    spelling: Engine
    within: Mapping[str, ColumnPolicy]

    def text(self, value: Node, of: Field, policy: ColumnPolicy, path: str, depth: int) -> Node:
        if of.mode == "REPEATED":
            name, inner = _element(depth), f"{path}{ELEMENTS}"
            element = replace(of, mode="NULLABLE")
            text_of = self.text(column(name), element, self._policy(inner), inner, depth + 1)
            unordered = isinstance(policy, Unordered)
            return call("TO_JSON_STRING", self.spelling.each(value, name, text_of, unordered=unordered))
        if of.type == "STRUCT":
            members = [
                self.text(
                    member(value, child.name),
                    child,
                    self._policy(f"{path}.{child.name}"),
                    f"{path}.{child.name}".lower(),
                    depth,
                )
                for child in of.fields
            ]
            return choose(is_null(value), exp.Null(), row_text(members))
        return _scalar_text(value, of.type, policy, self.spelling)

    def _policy(self, path: str) -> ColumnPolicy:
        return self.within.get(path.lower(), Exact())


def row_text(texts: Sequence[Node]) -> Node:
    """Many texts as one, injectively: a JSON array, NULL as null."""
    return call("TO_JSON_STRING", array(texts))


def marked(value: Node) -> Node:
    """A text that is never NULL, for arrays: `=` before it, nothing for NULL."""
    return exp.Coalesce(this=call("CONCAT", text("="), value), expressions=[text("")])


def unmarked(value: Node) -> Node:
    """The text back from its mark, for casts: a NULL comes back as no characters, which casts to NULL."""
    return call("SUBSTR", value.copy(), number(2))


def _scalar_text(value: Node, kind: str, policy: ColumnPolicy, spelling: Engine) -> Node:
    if kind == "JSON" or isinstance(policy, Json):
        return spelling.json(value, kind, policy)
    match kind:
        case "STRING":
            return value
        case "BYTES":
            return call("TO_HEX", value)
        case "GEOGRAPHY":
            return call("TO_HEX", call("ST_ASBINARY", value))
        case "TIMESTAMP":
            return cast(call("UNIX_MICROS", value), "STRING")
        case "FLOAT64":
            digits = spelling.float_text(value.copy() if isinstance(policy, Bitwise) else _unsigned_zero(value))
            return choose(call("IS_NAN", value.copy()), text("NaN"), digits)
    return cast(value, "STRING")


def _unsigned_zero(value: Node) -> Node:
    return choose(exp.EQ(this=value.copy(), expression=number(0)), exp.Literal.number("0.0"), value.copy())


def upper(row_hash: Node, bits: int) -> Node:
    """The upper bits of a 64-bit number."""
    return exp.BitwiseRightShift(this=row_hash, expression=number(64 - bits))
