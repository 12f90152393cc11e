"""JSON as canonical text: equal documents have equal texts, whatever their key order, spaces and escapes.

Under `json` a number is its value (1, 1.0 and 1e0 are one); for an exact JSON column an integer and a float differ.
A number with a fraction is read as FLOAT64, as BigQuery does. Text that is no JSON, that repeats a key within an
object, or whose numbers hold more digits than the reader keeps is compared as it stands, marked `raw`.

- BigQuery sorts the keys of a JSON value itself; only numbers are left, which are found between the strings. It drops a
  key that an object repeats, which shows in how many strings are left.
- DuckDB keeps a document's text. JSON_TREE lists its nodes with their paths; sorted by path they are a canonical text.
  A path says `$.a.b` for the key "a.b" and for b within a, so a document with a dot or a bracket in a key is `raw`.
- A reader may take more than JSON: DuckDB's takes trailing commas, NaN and infinities. So a text must also be made of
  JSON's tokens (RFC 8259), no comma without a value after it. That they nest is for the reader to say.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from sqlglot import exp

from dit_dagster.comparing.schema import Column
from dit_dagster.comparing.sql import Node, array, call, choose, column, is_null, named, number, ordered, text
from dit_dagster.model.policy import ColumnPolicy, Exact, Json

RAW = "raw "
# Of a number alone, which stands behind one of these; leading zeros are no digits that a reader has to keep.
_TOO_LONG = r"(?:^|[\[:,\s-])(?:[0-9]{20,}|[0-9]{2,}\.[0-9]{16,}|[1-9]\.[0-9]{18,}|0\.0*[1-9][0-9]{17,})"
BIGQUERY_TOKENS = r'"(?:[^"\\]|\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
BIGQUERY_NUMBER = "^(-?[0-9].*)$"
# A number is written by itself, after the kind of its node; a text that looks so has its quotes escaped.
LOCAL_TOKENS = r'"NUMBER","[^"]*"|"(?:[^"\\]|\\.)*"|[^"]+'
LOCAL_NUMBER = '^"NUMBER","(.*)"$'


_SPACE = r"[ \t\n\r]"
_VALUE = (
    r'"(?:[^\x00-\x1f"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null"
)
_STRICT = rf"^(?:{_SPACE}|[{{}}\[\]:]|{_VALUE}|,{_SPACE}*(?:[{{\[]|{_VALUE}))*$"


def reads_json(of: Column) -> bool:
    return isinstance(of.policy, Json) or (of.type == "JSON" and isinstance(of.policy, Exact))


def derived_name(of: Column) -> str:
    """A name that no column has, for what is derived from a column."""
    return f"__dit_{hashlib.sha256('.'.join(of.steps).lower().encode()).hexdigest()[:16]}"


def bigquery_json(value: Node, kind: str, policy: ColumnPolicy) -> Node:
    document = value if kind == "JSON" else call("SAFE.PARSE_JSON", choose(_strict(value), value.copy(), exp.Null()))
    sorted_text = call("TO_JSON_STRING", document)  # of a NULL this is the text null, hence the guards
    if not isinstance(policy, Json):
        return choose(is_null(value.copy()), exp.Null(), sorted_text)
    tokens = call("REGEXP_EXTRACT_ALL", sorted_text, text(BIGQUERY_TOKENS))
    token = column("token")
    whole = call("REGEXP_REPLACE", token.copy(), text(r"\.0$"), text(""))
    spelled = choose(call("REGEXP_CONTAINS", token, text("^-?[0-9]")), whole, token.copy())
    joined = exp.GroupConcat(this=exp.Order(this=spelled, expressions=[ordered(column("place"))]), separator=text(""))
    each = exp.Unnest(
        expressions=[tokens],
        alias=exp.TableAlias(columns=[exp.to_identifier("token", quoted=True)]),
        offset=exp.to_identifier("place", quoted=True),
    )
    canonical = choose(is_null(document.copy()), exp.Null(), exp.select(joined).from_(each).subquery())
    if kind != "JSON":  # of a key that an object repeats the parser keeps one, and says nothing
        whole = exp.EQ(this=_strings(value), expression=_strings(sorted_text))
        canonical = choose(whole, canonical, exp.Null())
    return _or_raw(canonical, value, kind)


def _strict(document: Node) -> Node:
    return call("REGEXP_CONTAINS", document.copy(), text(_STRICT))


def _strings(document: Node) -> Node:
    """How many texts there are in a document, keys among them."""
    return call("ARRAY_LENGTH", call("REGEXP_EXTRACT_ALL", document.copy(), text(r'"(?:[^"\\]|\\.)*"')))


def local_json(value: Node, kind: str, policy: ColumnPolicy) -> Node:
    node, scalar = column("type"), call("JSON_EXTRACT_STRING", column("atom"), text("$"))
    if isinstance(policy, Json):
        is_number = exp.In(this=node, expressions=[text(each) for each in ("DOUBLE", "BIGINT", "UBIGINT")])
        whole = call("REGEXP_REPLACE", scalar, text(r"\.0$"), text(""))
        node, scalar = choose(is_number, text("NUMBER"), node.copy()), choose(is_number.copy(), whole, scalar.copy())
    entry = call("TO_JSON_STRING", array([column("fullkey"), node, scalar]))
    entries = exp.GroupConcat(this=exp.Order(this=entry, expressions=[ordered(column("fullkey"))]), separator=text(","))
    paths = exp.Count(this=exp.Distinct(expressions=[column("fullkey")]))
    repeated = exp.LT(this=paths, expression=exp.Count(this=exp.Star()))
    dots = call("COUNTIF", call("REGEXP_CONTAINS", column("key"), text("[.[]")))
    dotted = exp.GT(this=dots, expression=number(0))
    listed = choose(exp.or_(repeated, dotted), exp.Null(), entries)
    document = column("document", "s")
    too_long = call("REGEXP_CONTAINS", document, text(_TOO_LONG))
    readable = exp.and_(call("JSON_VALID", document.copy()), _strict(document), exp.not_(too_long))
    tree = call("JSON_TREE", choose(readable, document.copy(), exp.Null()))
    # The emulator finds neither a column of the row around in a function's argument, hence the detour by `s`, nor the
    # alias of a function's table, hence none.
    beside = exp.select(named(value.copy(), "document")).subquery("s")
    nodes = exp.select(listed).from_(beside).join(exp.Table(this=tree), join_type="cross")
    return _or_raw(nodes.subquery(), value, kind)


def _or_raw(canonical: Node, value: Node, kind: str) -> Node:
    raw = call("TO_JSON_STRING", value.copy()) if kind == "JSON" else value.copy()
    document = exp.Coalesce(this=canonical, expressions=[call("CONCAT", text(RAW), raw)])
    return choose(is_null(value.copy()), exp.Null(), document)


def shown_json(canonical: str) -> str:
    """A canonical text as the document it stands for, keys sorted; a shortened one stays as it is."""
    if canonical.startswith(RAW):
        return canonical.removeprefix(RAW)
    if not canonical.startswith('["$'):
        return canonical
    try:
        return json.dumps(_document(json.loads(f"[{canonical}]")), ensure_ascii=False, sort_keys=True)
    except (ValueError, KeyError, IndexError, TypeError):
        return canonical


def _document(entries: list[list[Any]]) -> Any:
    """Put nodes back together: a path's prefix sorts before it, and places in an array need sorting by number."""
    found: dict[str, Any] = {}
    for path, kind, scalar in sorted(entries, key=lambda entry: _steps(entry[0])):
        value = _scalar(kind, scalar)
        found[path] = value
        steps = re.fullmatch(r"(.*)(?:\[(\d+)\]|\.([^.\[]*))", path)
        if steps is None:
            continue
        parent = found[steps[1]]
        if steps[2] is not None:
            parent.append(value)
        else:
            parent[steps[3]] = value
    return found["$"]


def _steps(path: str) -> list[tuple[int, str]]:
    return [(int(place or 0), name or "") for place, name in re.findall(r"\[(\d+)\]|\.([^.\[]*)", path)]


def _scalar(kind: str, scalar: str | None) -> Any:
    match kind:
        case "OBJECT":
            return {}
        case "ARRAY":
            return []
        case "NULL":
            return None
        case "VARCHAR":
            return scalar
    return json.loads(scalar or "null")
