"""Query results through the storage API, and a bounded memory for them.

BigQuery: the result of a query is a hidden table that the storage API reads (`to_dataframe` and `to_arrow` do, from
a few thousand rows on); results are kept for a day.
Emulator: the storage API does not know that table; every result stays in memory for ever.
Here: a read session on it is served from the kept result; the oldest results are dropped beyond 2 GB.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_HIDDEN = "_bqemu_anonymous"
_KEPT_BYTES = 2 << 30


def apply() -> None:
    """Serve hidden tables; replace the dictionary of results by one with a limit."""
    from bqemulator.grpc_api import read_servicer
    from bqemulator.jobs import executor
    from bqemulator.storage.engine import DuckDBEngine

    assert read_servicer  # noqa: S101 - loaded before its names are rebound
    wrap(executor, "JOB_RESULTS", lambda _: Results())
    wrap(DuckDBEngine, "fetch_arrow", _from_results)


PATCH = Patch(name="query_results", apply=apply)


class Results(dict[str, Any]):
    """Results by job id; the oldest leave first when all together are too large. The newest always stays."""

    def __init__(self, limit: int = _KEPT_BYTES) -> None:
        super().__init__()
        self._limit = limit
        self._sizes: dict[str, int] = {}
        self._held = 0

    def __setitem__(self, job: str, table: Any) -> None:
        self.pop(job, None)
        super().__setitem__(job, table)
        self._sizes[job] = table.nbytes
        self._held += self._sizes[job]
        while self._held > self._limit and len(self) > 1:
            self.pop(next(iter(self)))

    def pop(self, job: str, *default: Any) -> Any:
        self._held -= self._sizes.pop(job, 0)
        return super().pop(job, *default)


def _from_results(original: Any) -> Any:
    def fetch_arrow(engine: Any, sql: str, parameters: Any = None) -> Any:
        if _HIDDEN not in sql:
            return original(engine, sql, parameters)
        import re

        from bqemulator.jobs.executor import JOB_RESULTS

        found = re.search(rf'"[^"]*__{_HIDDEN}"\."anon(\w+)"', sql)
        jobs = {job.replace("-", ""): job for job in JOB_RESULTS}
        if found is None or found[1] not in jobs:
            return original(engine, sql, parameters)
        cursor = engine.connection.cursor()
        cursor.register("dit_result", JOB_RESULTS[jobs[found[1]]])
        return cursor.execute(sql.replace(found[0], "dit_result"), parameters).to_arrow_table()

    return fetch_arrow
