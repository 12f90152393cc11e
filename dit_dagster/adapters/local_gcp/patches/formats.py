"""`%t` in FORMAT.

BigQuery: `FORMAT('%t', x)` writes a value of any type as CAST to STRING does, and NULL as `NULL`.
Emulator: gives the text to `printf` as it is, which knows no `%t`.
Here: `%t` of a literal text is the value as DuckDB writes it, which is BigQuery's way but for fractions of seconds
(`.5` for `.500`), NUMERIC (`1.500000000` for `1.5`), BYTES, ARRAY and STRUCT. Other specifiers are left to `printf`,
which refuses those it does not know.
"""

from __future__ import annotations

import re
from functools import wraps
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_SPECIFIER = re.compile(r"%(?P<flags>[-+ #0']*)(?P<width>\*|\d*)(?P<precision>\.(?:\*|\d+))?(?P<kind>[A-Za-z%])")


def apply() -> None:
    """Complete the rule that makes `printf` of FORMAT."""
    from bqemulator.sql.rules.datetime_semantics import FormatPrintfRule

    wrap(FormatPrintfRule, "rewrite", _with_printable)


PATCH = Patch(name="formats", apply=apply)


def _with_printable(original: Any) -> Any:
    @wraps(original)
    def rewrite(rule: Any, node: Any) -> Any:
        from sqlglot import exp

        pattern = node.this
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            return original(rule, node)
        own, values = node.copy(), list(node.expressions)
        taken = 0

        def replace(found: re.Match[str]) -> str:
            nonlocal taken
            if found["kind"] == "%":
                return found[0]
            taken += found[0].count("*")
            if found["kind"] == "t" and taken < len(values):
                values[taken] = _printable(values[taken])
            taken += 1
            return f"{found[0][:-1]}s" if found["kind"] == "t" else found[0]

        own.set("this", exp.Literal.string(_SPECIFIER.sub(replace, pattern.this)))
        own.set("expressions", [value.copy() for value in values])
        return original(rule, own)

    return rewrite


def _printable(value: Any) -> Any:
    from sqlglot import exp

    return exp.Coalesce(this=exp.cast(value.copy(), "TEXT"), expressions=[exp.Literal.string("NULL")])
