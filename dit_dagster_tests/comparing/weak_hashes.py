"""Row hashes that took differing rows for equal, as they once were: the hunt has to find collisions of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from dit_dagster.comparing.rows import LocalEngine, value_text
from dit_dagster.comparing.schema import Column
from dit_dagster.comparing.sql import Node, call, field, number, text


class TwoOrders(LocalEngine):
    """DuckDB's HASH over typed values, twice in different orders, the texts of a row once more end to end."""

    def hashes(self, columns: Sequence[Column], alias: str) -> tuple[Node, Node]:
        texts = [field(each.steps, alias) for each in columns if each.type == "STRING"]
        others = [_value(each, alias, self) for each in reversed(columns) if each.type != "STRING"]
        end_to_end = [call("HASH", call("CONCAT_WS", text(""), text("~"), *texts))] if texts else []
        lengths = [call("STRLEN", each.copy()) for each in texts]
        first = [*(_value(each, alias, self) for each in columns), *end_to_end]
        second = [number(1), *(each.copy() for each in end_to_end), *lengths, *others]
        return call("HASH", call("HASH", *first)), call("HASH", call("HASH", *second))


class OneOrder(LocalEngine):
    """DuckDB's HASH over the values, once and again behind a constant."""

    def hashes(self, columns: Sequence[Column], alias: str) -> tuple[Node, Node]:
        values = [_value(each, alias, self) for each in columns]
        return call("HASH", call("HASH", *values)), call("HASH", call("HASH", number(1), *values))


class OneText(LocalEngine):
    """MD5 of the values' texts with a character between them, where NULL and no characters are one."""

    def hashes(self, columns: Sequence[Column], alias: str) -> tuple[Node, Node]:
        texts = (exp.Coalesce(this=value_text(each, alias, self), expressions=[text("")]) for each in columns)
        joined = call("CONCAT_WS", text("|"), *texts)
        return call("MD5_NUMBER", joined), call("MD5_NUMBER", call("CONCAT_WS", text(""), text("~"), joined.copy()))


def _value(of: Column, alias: str, spelling: LocalEngine) -> Node:
    return value_text(of, alias, spelling) if of.type == "NUMERIC" else field(of.steps, alias)


WEAK: Mapping[str, LocalEngine] = {"two orders": TwoOrders(), "one order": OneOrder(), "one text": OneText()}
