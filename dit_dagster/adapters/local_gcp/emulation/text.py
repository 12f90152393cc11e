"""SQL as text with positions: edits that leave everything else as the user wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_QUERY_STARTS = frozenset({"SELECT", "WITH", "("})


def tokens(sql: str, dialect: str = "bigquery") -> list[Any]:
    """sqlglot's tokens of `sql`; InvalidQueryError where it cannot be read at all."""
    import sqlglot
    from bqemulator.domain.errors import InvalidQueryError

    try:
        return list(sqlglot.tokenize(sql, read=dialect))
    except sqlglot.errors.TokenError as error:
        raise InvalidQueryError(f"Syntax error: {error}") from error


def replaced(sql: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """`sql` with each [start, stop) replaced by a text. Edits do not overlap."""
    for start, stop, text in sorted(edits, reverse=True):
        sql = sql[:start] + text + sql[stop:]
    return sql


def statements(sql: str) -> list[str]:
    """The statements of `sql`, without the semicolons that end them; a BEGIN ... END block is not kept together."""
    from sqlglot import TokenType

    parts, start = [], 0
    for token in tokens(sql):
        if token.token_type == TokenType.SEMICOLON:
            parts.append(sql[start : token.start])
            start = token.end + 1
    parts.append(sql[start:])
    return [part for part in parts if tokens(part)]


def first_words(sql: str, count: int = 1) -> tuple[str, ...]:
    """The first words of `sql`, in capitals, comments left out."""
    return tuple(str(token.text).upper() for token in tokens(sql)[:count])


def is_query(statement: str) -> bool:
    """Whether `statement` only reads."""
    return bool(_QUERY_STARTS & set(first_words(statement)))
