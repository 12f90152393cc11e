"""A comparison policy in a file of its own, for tables that no pipeline declares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from dit_dagster.errors import BadDeclaration
from dit_dagster.model.policy import (
    Bitwise,
    ComparisonPolicy,
    Declared,
    Exact,
    ExpectedDiff,
    Geography,
    Json,
    Span,
    Tolerance,
    Unordered,
)
from dit_dagster.model.yaml_file import read_yaml

_KINDS: Mapping[str, type[Declared]] = {
    str(kind.model_fields["kind"].default): kind for kind in (Exact, Tolerance, Json, Unordered, Bitwise, Geography)
}
_PARTS: Mapping[str, type[Declared]] = {"expected_diff": ExpectedDiff, "span": Span}


def read_policy(file: Path) -> ComparisonPolicy:
    """Read the fields of a ComparisonPolicy from YAML. Raises BadDeclaration: file, field, and what is allowed."""
    document = read_yaml(file)
    if document is not None and not isinstance(document, dict):
        raise BadDeclaration(f"{file}: not a policy; allowed fields: {', '.join(_fields(ComparisonPolicy))}")
    try:
        return ComparisonPolicy.model_validate(document or {})
    except ValidationError as error:
        raise BadDeclaration(f"{file}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """One problem in words; a field that is unknown before one that is then missing."""
    problem = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    location = problem["loc"]
    path = ".".join(str(part) for part in location) or "policy"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = f"unknown field; allowed: {', '.join(_fields(_holder(location)))}"
    others = len(error.errors()) - 1
    return f"{path}: {message}" + (f" (and {others} more)" if others else "")


def _holder(location: tuple[int | str, ...]) -> type[Declared]:
    """The model whose field stands last in `location`."""
    match location:
        case ("columns", _, str() as kind, *_):
            return _KINDS[kind]
        case (str() as part, _, *_):
            return _PARTS[part]
    return ComparisonPolicy


def _fields(model: type[Declared]) -> list[str]:
    return sorted(model.model_fields)
