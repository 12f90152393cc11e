"""Sessions: temporary tables live as long as the session.

BigQuery: in a session, CREATE TEMP TABLE and `_SESSION.name` outlive the query, for that session only;
`CALL BQ.ABORT_SESSION(...)` ends it.
Emulator: sessions have ids and nothing else; `_SESSION.` and ABORT_SESSION are errors.
Here: a session has a hidden dataset for its temporary tables; ending the session drops it.
"""

from __future__ import annotations

import re
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap
from dit_dagster.adapters.local_gcp.emulation.text import replaced, tokens

_ABORT = re.compile(
    r"^\s*CALL\s+BQ\.ABORT_SESSION\s*\(\s*(?:(['\"])(?P<session>[^'\"]*)\1)?\s*\)\s*;?\s*$", re.IGNORECASE
)
_BEFORE_TABLE = frozenset({"FROM", "JOIN", "INTO", "UPDATE", "TABLE", "USING", "MERGE", "DELETE", "INSERT", "EXISTS"})
_TEMPORARY = frozenset({"TEMP", "TEMPORARY"})
_PREFIX = "_session_"


def apply() -> None:
    """Rewrite queries that belong to a session."""
    from bqemulator.api.routes import jobs

    wrap(jobs, "_handle_query_job", _in_session)


PATCH = Patch(name="sessions", apply=apply)


def _in_session(original: Any) -> Any:
    async def handle(project: str, job: str, config: dict[str, Any], **context: Any) -> Any:
        from bqemulator.api.routes.jobs import _attach_session_info, _mint_session_id, _validate_session_id

        query = config["query"]
        _validate_session_id(query)
        session = _mint_session_id() if query.get("createSession") else _session_of(query)
        if session is None and not _ABORT.match(query.get("query", "")):
            return await original(project, job, config, **context)
        sql = _rewritten(query.get("query", ""), session, project, context["ctx"])
        inside = {**config, "query": {**query, "query": sql, "createSession": False, "connectionProperties": []}}
        result = await original(project, job, inside, **context)
        if query.get("createSession"):
            _attach_session_info(result["statistics"] if isinstance(result, dict) else result.statistics, session)
        return result if isinstance(result, dict) else result.model_copy(update={"configuration": config})

    return handle


def _session_of(query: dict[str, Any]) -> str | None:
    properties = query.get("connectionProperties") or []
    return next((entry.get("value") for entry in properties if entry.get("key") == "session_id"), None)


def _rewritten(sql: str, session: str | None, project: str, ctx: Any) -> str:
    """`sql` with the session's temporary tables in its hidden dataset."""
    if found := _ABORT.match(sql):
        _end(found["session"] or session, project, ctx)
        return "SELECT 1"
    dataset = f"{_PREFIX}{session}"
    _ensure(dataset, project, ctx)
    known = {record.table_id.lower() for record in ctx.catalog.list_tables(project, dataset)}
    found_tokens = tokens(sql)
    edits: list[tuple[int, int, str]] = []
    for index, token in enumerate(found_tokens):
        text, before, after = token.text, _word(found_tokens, index - 1), _word(found_tokens, index + 1)
        if text.upper() == "_SESSION" and after == ".":
            edits.append((token.start, token.end + 1, f"`{dataset}`"))
        elif text.upper().startswith("_SESSION.") and sql[token.start] == "`":
            edits.append((token.start, token.end + 1, f"`{dataset}.{text[9:]}`"))
        elif text.upper() in _TEMPORARY and after == "TABLE":
            edits.append((token.start, token.end + 1, ""))
            known.add(_created(found_tokens, index + 2))
        elif text.lower() in known and before in _BEFORE_TABLE and after not in {".", "("}:
            edits.append((token.start, token.end + 1, f"`{dataset}`.`{text}`"))
    return replaced(sql, edits)


def _created(found: list[Any], index: int) -> str:
    """The name after CREATE TEMP TABLE [IF NOT EXISTS]."""
    while _word(found, index) in {"IF", "NOT", "EXISTS"}:
        index += 1
    return str(found[index].text).lower()


def _word(found: list[Any], index: int) -> str:
    return str(found[index].text).upper() if 0 <= index < len(found) else ""


def _ensure(dataset: str, project: str, ctx: Any) -> None:
    from bqemulator.catalog.ddl_sync import _ensure_dataset
    from bqemulator.storage.sql_identifiers import quoted_schema

    if ctx.catalog.get_dataset(project, dataset) is None:
        ctx.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted_schema(project, dataset)}")
        _ensure_dataset(project, dataset, ctx)


def _end(session: str | None, project: str, ctx: Any) -> None:
    from bqemulator.api.routes.jobs import _SESSION_CATALOG
    from bqemulator.domain.errors import ValidationError
    from bqemulator.storage.sql_identifiers import quoted_schema

    if session is None or session not in _SESSION_CATALOG:
        raise ValidationError("Invalid input session id.")
    _SESSION_CATALOG.discard(session)
    dataset = f"{_PREFIX}{session}"
    ctx.engine.execute(f"DROP SCHEMA IF EXISTS {quoted_schema(project, dataset)} CASCADE")
    ctx.catalog.delete_dataset(project, dataset, delete_contents=True, not_found_ok=True)
