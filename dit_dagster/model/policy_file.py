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


def read_expected(file: Path) -> Mapping[str, ExpectedDiff]:
    """The differences that are announced between versions, by output: `where` and `rows` each.

    Raises BadDeclaration: file, output, field, and what is allowed.
    """
    document = read_yaml(file)
    if not isinstance(document, dict) or not document:
        raise BadDeclaration(
            f"{file}: write each output with what is expected of it, as `daily: {{where: ..., rows: N}}`"
        )
    found: dict[str, ExpectedDiff] = {}
    for output, announced in document.items():
        try:
            found[str(output)] = ExpectedDiff.model_validate(announced)
        except ValidationError as error:
            raise BadDeclaration(
                f"{file}: {output}: {_first(error, ExpectedDiff)}; allowed: {', '.join(_fields(ExpectedDiff))}"
            ) from error
    return found


def _first(error: ValidationError, of: type[Declared] = ComparisonPolicy) -> str:
    """One problem of a model in words; a field that is unknown before one that is then missing."""
    problem = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    location = problem["loc"]
    path = ".".join(str(part) for part in location) or "policy"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = f"unknown field; allowed: {', '.join(_fields(_holder(location, of)))}"
    others = len(error.errors()) - 1
    return f"{path}: {message}" + (f" (and {others} more)" if others else "")


def _holder(location: tuple[int | str, ...], of: type[Declared]) -> type[Declared]:
    """The model whose field stands last in `location`, which begins in `of`."""
    match location:
        case ("columns", _, str() as kind, *_):
            return _KINDS[kind]
        case (str() as part, _, *_):
            return _PARTS[part]
    return of


def _fields(model: type[Declared]) -> list[str]:
    return sorted(model.model_fields)
