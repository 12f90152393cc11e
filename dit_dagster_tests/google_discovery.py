"""Google's discovery documents, as they ship in google-api-python-client, as a judge of requests and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import googleapiclient
import jsonschema

DOCUMENTS = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of an API: how it is called, and what it takes and gives."""

    api: str
    id: str
    verb: str
    path: re.Pattern[str]
    parameters: Mapping[str, Any]
    request: str | None
    response: str | None
    upload: re.Pattern[str] | None = None


@cache
def document(api: str) -> Mapping[str, Any]:
    """The document of an API such as `cloudbuild.v1`."""
    found: Mapping[str, Any] = json.loads((DOCUMENTS / f"{api}.json").read_text(encoding="utf-8"))
    return found


@cache
def methods(api: str) -> tuple[Method, ...]:
    """Every method of an API."""
    return tuple(_methods(api, document(api)))


def _methods(api: str, node: Mapping[str, Any]) -> Iterator[Method]:
    service = document(api)["servicePath"]
    for found in node.get("methods", {}).values():
        uploads = found.get("mediaUpload", {}).get("protocols", {})
        yield Method(
            api=api,
            id=found["id"],
            verb=found["httpMethod"],
            path=_pattern(f"/{service}{found.get('flatPath', found['path'])}"),
            parameters={**document(api)["parameters"], **found.get("parameters", {})},
            request=found.get("request", {}).get("$ref"),
            response=found.get("response", {}).get("$ref"),
            upload=_pattern(uploads["simple"]["path"]) if uploads else None,
        )
    for child in node.get("resources", {}).values():
        yield from _methods(api, child)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{\+?(\w+)\}", path)
    return re.compile("".join(f"(?P<{one}>[^/:]+)" if place % 2 else re.escape(one) for place, one in enumerate(parts)))


def wrong(api: str, schema: str, value: Any, *, sent: bool) -> str | None:
    """What is wrong with a message; None if nothing is. What is `sent` holds no field that only the service writes."""
    validator = jsonschema.Draft202012Validator({**_definitions(api, sent), "$ref": f"#/$defs/{schema}"})
    error = next(iter(validator.iter_errors(value)), None)
    return f"{schema}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" if error is not None else None


@cache
def _definitions(api: str, sent: bool) -> Mapping[str, Any]:
    return {"$defs": {name: _schema(one, sent) for name, one in document(api)["schemas"].items()}}


def _schema(found: Mapping[str, Any], sent: bool) -> Mapping[str, Any]:
    if "$ref" in found:
        return {"$ref": f"#/$defs/{found['$ref']}"}
    if found.get("type") == "any":
        return {}
    made: dict[str, Any] = {"type": found["type"]} if "type" in found else {}
    made |= {name: found[name] for name in ("enum", "pattern") if name in found}
    if found.get("format") in ("int64", "uint64"):
        made["pattern"] = r"^-?\d+$"
    if "items" in found:
        made["items"] = _schema(found["items"], sent)
    if "properties" in found:
        known = {name: one for name, one in found["properties"].items() if not (sent and one.get("readOnly"))}
        made["properties"] = {name: _schema(one, sent) for name, one in known.items()}
    if found.get("type") == "object":
        made["additionalProperties"] = (
            _schema(found["additionalProperties"], sent) if "additionalProperties" in found else False
        )
    return made
