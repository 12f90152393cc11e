"""Functions of a dataset are called with their project too, and those in JavaScript with any number of arguments.

BigQuery: `project.dataset.function(x)` calls the function of that dataset, with the project quoted or not, and with
project and dataset in one pair of backticks as well.
Emulator: knows `dataset.function(x)` and the whole name in backticks; the other forms are unknown.
A function in JavaScript is registered as a Python function of any arguments, which DuckDB takes for one of one; and a
STRUCT that it returns must have exactly the fields of its type, while BigQuery takes those, and NULL for the others.
Here: they are the whole name, the function says how many it takes, and what it returns is given the type's fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, rewrite, wrap


def apply() -> None:
    """Write the whole name before the emulator looks for functions."""
    from bqemulator.udf import js_udf

    wrap(js_udf.JavaScriptUDFRuntime, "materialize", _with_as_many_arguments)
    rewrite(_named_whole)


PATCH = Patch(name="functions", apply=apply)


def _named_whole(tree: Any) -> bool:
    from sqlglot import exp

    changed = False
    for call in list(tree.find_all(exp.Dot)):
        place = call.this
        parts = (place.this, place.expression) if isinstance(place, exp.Dot) else (place,)
        names = [name for part in parts if isinstance(part, exp.Identifier) for name in part.name.split(".")]
        if len(names) == len(("project", "dataset")) and isinstance(call.expression, exp.Anonymous):
            function = call.expression
            function.set("this", ".".join([*names, function.name]))
            call.replace(function)
            changed = True
    return changed


def _with_as_many_arguments(original: Any) -> Any:
    @wraps(original)
    def materialize(runtime: Any, routine: Any, engine: Any) -> Any:
        return original(runtime, routine, _Engine(connection=_Connection(engine.connection)))

    return materialize


@dataclass(frozen=True, slots=True, kw_only=True)
class _Engine:
    """What a function is registered with."""

    connection: _Connection


class _Connection:
    """DuckDB's, but that a function which is registered shows the signature that its types have."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def create_function(self, name: str, function: Any, types: Any, returned: Any, **options: Any) -> Any:
        @wraps(function)
        def call(*arguments: Any) -> Any:
            return _of_type(returned, function(*arguments))

        parameters = [Parameter(f"a{number}", Parameter.POSITIONAL_ONLY) for number in range(len(types))]
        call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        return self._connection.create_function(name, call, types, returned, **options)


def _of_type(kind: Any, value: Any) -> Any:
    match kind.id, value:
        case "struct", dict():
            return {name: _of_type(of, value.get(name)) for name, of in kind.children}
        case "list", list():
            ((_, of),) = kind.children
            return [_of_type(of, element) for element in value]
        case _:
            return value
