"""NUMERIC keeps its nine decimals; BIGNUMERIC is refused.

BigQuery: NUMERIC has 29 digits before and 9 after the point, BIGNUMERIC about 38 and 38.
Emulator: NUMERIC in DDL and CAST becomes DECIMAL(18,3), BIGNUMERIC becomes DECIMAL(38,5); values are rounded silently.
Here: NUMERIC becomes DECIMAL(38,9), which is exactly NUMERIC. DuckDB has no type for BIGNUMERIC: 501.
"""

from __future__ import annotations

import re
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap
from dit_dagster.adapters.local_gcp.emulation.text import replaced, tokens

_NUMERIC = "DECIMAL(38, 9)"
_DECLARED_DEFAULT = re.compile(r"\b(?:NUMERIC|DECIMAL)\s*\(\s*18\s*,\s*3\s*\)", re.IGNORECASE)
_BIG_WORDS = ("BIGNUMERIC", "BIGDECIMAL")


def apply() -> None:
    """Correct the translator's output and the schemas of tables made without SQL."""
    from bqemulator.sql.translator import SQLTranslator
    from bqemulator.storage import type_map

    wrap(SQLTranslator, "translate", _exact)
    wrap(type_map, "bq_to_duckdb", _known)


PATCH = Patch(name="numeric", apply=apply)


def _exact(original: Any) -> Any:
    def translate(translator: Any, sql: str, **options: Any) -> Any:
        from bqemulator.domain.result import Err, Ok

        if any(word in sql.upper() for word in _BIG_WORDS) and _uses_bignumeric(sql):
            return Err(_refusal())
        result = original(translator, sql, **options)
        if not isinstance(result, Ok) or "DECIMAL" not in result.value:
            return result
        # A rule that reads its own output again gives a bare DECIMAL DuckDB's default, which then looks declared.
        text = result.value if _DECLARED_DEFAULT.search(sql) else _DECLARED_DEFAULT.sub(_NUMERIC, result.value)
        return Ok(_with_scale(text))

    return translate


def _with_scale(sql: str) -> str:
    """`sql` with each bare DECIMAL given NUMERIC's precision and scale."""
    from sqlglot import TokenType

    found = tokens(sql, "duckdb")
    following = [token.token_type for token in found[1:]] + [None]
    bare = (
        token
        for token, after in zip(found, following, strict=True)
        if token.token_type == TokenType.DECIMAL and after != TokenType.L_PAREN
    )
    return replaced(sql, [(token.start, token.end + 1, _NUMERIC) for token in bare])


def _uses_bignumeric(sql: str) -> bool:
    from sqlglot import TokenType

    return any(
        token.token_type == TokenType.BIGDECIMAL or token.text.upper() in {*_BIG_WORDS, "PARSE_BIGNUMERIC"}
        for token in tokens(sql)
        if token.token_type != TokenType.STRING
    )


def _known(original: Any) -> Any:
    def bq_to_duckdb(name: str) -> str:
        if any(word in name.upper() for word in _BIG_WORDS):
            raise _refusal()
        duckdb: str = original(name)
        return duckdb

    return bq_to_duckdb


def _refusal() -> Any:
    from bqemulator.domain.errors import UnsupportedFeatureError

    return UnsupportedFeatureError("BIGNUMERIC is not supported by the local cloud: no type of DuckDB can hold it")
