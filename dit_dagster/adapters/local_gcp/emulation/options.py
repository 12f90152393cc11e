"""OPTIONS(...) of a statement, as changes to a table's or dataset's record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_INERT = frozenset(
    {"partition_expiration_days", "require_partition_filter", "kms_key_name", "location", "enable_refresh"}
)
_INERT |= {"refresh_interval_minutes", "default_rounding_mode", "max_staleness", "privacy_policy", "tags"}


def of_create(create: Any) -> dict[str, Any]:
    """Option expressions by name, of a parsed CREATE."""
    from sqlglot import exp

    properties = create.args.get("properties")
    parts = properties.expressions if properties is not None else ()
    found: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, exp.SchemaCommentProperty):
            found["description"] = part.this
        elif type(part) is exp.Property:
            found[part.this.name.lower()] = part.args["value"]
    return found


def of_text(text: str) -> dict[str, Any]:
    """Option expressions by name, of the text between the parentheses of OPTIONS(...)."""
    import sqlglot

    return of_create(sqlglot.parse_one(f"CREATE TABLE d.t (x INT64) OPTIONS({text})", read="bigquery"))


def changes(options: Mapping[str, Any], ctx: Any) -> dict[str, Any]:
    """The record's fields that `options` set; ValidationError for an option that is not known."""
    from bqemulator.domain.errors import ValidationError

    known: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
        "expiration_timestamp": ("expiration_time", _value),
        "labels": ("labels", _labels),
        "description": ("description", _value),
        "friendly_name": ("friendly_name", _value),
        "default_table_expiration_days": ("default_table_expiration_ms", _milliseconds),
    }
    found: dict[str, Any] = {}
    for name, expression in options.items():
        if name in known:
            field, read = known[name]
            found[field] = read(expression, ctx)
        elif name not in _INERT:
            raise ValidationError(f"Unknown option: {name}")
    return found


def _value(expression: Any, ctx: Any) -> Any:
    """The expression's value: an option may be any constant expression, such as TIMESTAMP_ADD(...)."""
    from bqemulator.domain.result import Ok
    from bqemulator.sql.translator import SQLTranslator

    translated = SQLTranslator().translate(f"SELECT {expression.sql('bigquery')}")
    if not isinstance(translated, Ok):
        raise translated.error
    (value,) = ctx.engine.connection.execute(translated.value).fetchone()
    return value


def _labels(expression: Any, _ctx: Any) -> dict[str, str]:
    from sqlglot import exp

    if isinstance(expression, exp.Null):
        return {}
    pairs = ([part.name for part in pair.find_all(exp.Literal)] for pair in expression.expressions)
    return dict(pair[:2] for pair in pairs)


def _milliseconds(expression: Any, ctx: Any) -> int:
    return int(float(_value(expression, ctx)) * 86_400_000)
