"""Python values as GoogleSQL literals that both BigQuery and its stand-in read back as the same value."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


def literal(value: Any, kind: str) -> str:
    match value:
        case None:
            return f"CAST(NULL AS {kind})"
        case bool():
            return str(value).upper()
        case int() | float() | Decimal():
            text = f"{value:f}" if isinstance(value, Decimal) else repr(value)
            return f"CAST('{text}' AS {kind})"
        case str():
            return _text(value)
        case bytes():
            return f"FROM_HEX('{value.hex()}')"
    return _of_time(value, kind)


def _of_time(value: Any, kind: str) -> str:
    match value:
        case datetime():
            text = value.strftime("%Y-%m-%d %H:%M:%S.%f")
            return f"{kind} '{text}+00'" if kind == "TIMESTAMP" else f"{kind} '{text}'"
        case date() | time():
            return f"{kind} '{value.isoformat()}'"
    raise TypeError(kind)


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
