"""The Warehouse port on Google's own client. It speaks to BigQuery and to the local stand-in alike.

Only what both understand is used: clones by `CREATE TABLE ... CLONE`, COUNT instead of stale row numbers,
INFORMATION_SCHEMA for listing by prefix.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import requests
from google.api_core import exceptions as api
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from dit_dagster.errors import AlreadyExists, NotFound, Unreachable, WarehouseError
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.ports import Answer, Field, JobCost, Scalar, Statement, TableFacts

_PARALLEL_LOOKUPS = 8
# On the datasets that we make: the stand-in keeps no past of what no one reads at another time.
_GENERATED = {"dit": "generated", "time_travel": "none"}
# How long a request is repeated while there is no answer. A stand-in on this machine answers at once or is gone.
_PATIENCE = {"bigquery": 120.0, "local": 10.0}
_KINDS = {"TABLE": "TABLE", "VIEW": "VIEW", "SNAPSHOT": "SNAPSHOT", "CLONE": "TABLE"}
# In this order: a bool is an int, and a datetime a date.
_SCALARS: Mapping[type, str] = {
    bool: "BOOL",
    int: "INT64",
    float: "FLOAT64",
    str: "STRING",
    datetime: "TIMESTAMP",
    date: "DATE",
}

_ANSWER_SECONDS = {"bigquery": 60.0, "local": 900.0}
"""How long one request may go without an answer. Google's answers to a long query are many short ones; the local
BigQuery answers when the query is done."""


class BigQueryWarehouse:
    """BigQuery through `client`; `labels` go on every job, `location` is the jobs' and new datasets'."""

    def __init__(
        self,
        client: bigquery.Client,
        *,
        engine: str = "bigquery",
        labels: Mapping[str, str] | None = None,
        maximum_bytes: int | None = None,
        answer_seconds: float | None = None,
    ) -> None:
        self._client = client
        self._engine = engine
        self._retry = DEFAULT_RETRY.with_predicate(_is_worth_another_try).with_timeout(_PATIENCE[engine])
        # The client's own default is to wait for ever, which a connection that went silent would make of it.
        self._answer_seconds = answer_seconds or _ANSWER_SECONDS[engine]
        self._asking: dict[str, Any] = {"retry": self._retry, "timeout": self._answer_seconds}
        self._labels = dict(labels or {})
        self._maximum_bytes = maximum_bytes

    @classmethod
    def local(cls, *, rest: str, project: str, labels: Mapping[str, str] | None = None) -> BigQueryWarehouse:
        """The stand-in at `rest`, which asks for no credentials."""
        client = bigquery.Client(
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": rest},
        )
        return cls(client, engine="local", labels=labels)

    @classmethod
    def google(
        cls,
        *,
        project: str | None,
        location: str | None,
        labels: Mapping[str, str] | None = None,
        maximum_bytes: int | None = None,
    ) -> BigQueryWarehouse:
        """Google's BigQuery, with application default credentials."""
        try:
            client = bigquery.Client(project=project, location=location)
        except (GoogleAuthError, OSError) as error:
            raise WarehouseError(
                f"no access to BigQuery: {error}; run 'gcloud auth application-default login', "
                "or unset DIT_WAREHOUSE to work locally"
            ) from error
        return cls(client, labels=labels, maximum_bytes=maximum_bytes)

    def labelled(self, labels: Mapping[str, str]) -> BigQueryWarehouse:
        return BigQueryWarehouse(
            self._client,
            engine=self._engine,
            labels={**self._labels, **labels},
            maximum_bytes=self._maximum_bytes,
            answer_seconds=self._answer_seconds,
        )

    @property
    def engine(self) -> str:
        return self._engine

    @property
    def project(self) -> str:
        return str(self._client.project)

    @property
    def client(self) -> bigquery.Client:
        return self._client

    def facts(self, names: Sequence[TableName]) -> Mapping[TableName, TableFacts]:
        unique = list(dict.fromkeys(names))
        if len(unique) < 2:
            found = [self._facts(name) for name in unique]
        else:
            with ThreadPoolExecutor(_PARALLEL_LOOKUPS) as pool:
                found = list(pool.map(self._facts, unique))
        return {facts.name: facts for facts in found if facts is not None}

    def query(self, statement: Statement) -> Answer:
        started = time.monotonic()
        with _translated(_head(statement.sql)):
            # A job is never repeated as a whole: whether a write that got no answer took place is ours to find out.
            job = self._client.query(
                statement.sql,
                job_config=self._config(statement),
                retry=self._retry,
                job_retry=None,
                timeout=self._answer_seconds,
            )
            rows = tuple(dict(row.items()) for row in job.result(retry=self._retry, job_retry=None))
        return Answer(
            rows=rows,
            bytes_processed=int(job.total_bytes_processed or 0),
            bytes_billed=int(job.total_bytes_billed or 0),
            slot_ms=int(job.slot_millis or 0),
            seconds=time.monotonic() - started,
            affected=job.num_dml_affected_rows,
        )

    def estimate(self, statement: Statement) -> int:
        config = self._config(statement)
        config.dry_run = True
        config.use_query_cache = False
        with _translated(_head(statement.sql)):
            return int(self._client.query(statement.sql, job_config=config, **self._asking).total_bytes_processed or 0)

    def costs(self, label: str, value: str, since: datetime) -> tuple[JobCost, ...]:
        with _translated(f"jobs labelled {label}={value}"):
            jobs = list(self._client.list_jobs(all_users=True, min_creation_time=since, **self._asking))
        return tuple(
            JobCost(
                labels=dict(job.labels),
                bytes_billed=int(getattr(job, "total_bytes_billed", None) or 0),
                slot_ms=int(getattr(job, "slot_millis", None) or 0),
            )
            # A script's bill holds those of its statements.
            for job in jobs
            if job.labels.get(label) == value and job.parent_job_id is None
        )

    def ensure_dataset(self, dataset: DatasetName) -> None:
        resource = bigquery.Dataset(f"{dataset.project}.{dataset.dataset}")
        resource.labels = _GENERATED
        if self._client.location:
            resource.location = self._client.location
        with _translated(str(dataset)):
            self._client.create_dataset(resource, exists_ok=True, **self._asking)

    def owns(self, dataset: DatasetName) -> bool:
        try:
            with _translated(str(dataset)):
                labels = self._client.get_dataset(str(dataset), **self._asking).labels
        except NotFound:
            return False
        return bool(labels.get("dit") == _GENERATED["dit"])

    def tables(self, dataset: DatasetName, prefix: str) -> tuple[TableName, ...]:
        try:
            names = list(self._listed(dataset) if self._engine == "local" else self._found(dataset, prefix))
        except NotFound:
            return ()
        return tuple(sorted(dataset.table(name) for name in names if name.startswith(prefix)))

    def _listed(self, dataset: DatasetName) -> Iterator[str]:
        """Every table's name. The stand-in takes seconds for INFORMATION_SCHEMA, and milliseconds for this."""
        with _translated(str(dataset)):
            yield from (table.table_id for table in self._client.list_tables(str(dataset), **self._asking))

    def _found(self, dataset: DatasetName, prefix: str) -> Iterator[str]:
        """By prefix on the server: a dataset may hold very many tables of other runs."""
        listing = Statement(
            sql=f"SELECT table_name FROM `{dataset.project}`.`{dataset.dataset}`.INFORMATION_SCHEMA.TABLES "
            "WHERE STARTS_WITH(table_name, @prefix)",
            parameters={"prefix": prefix},
        )
        yield from (str(row["table_name"]) for row in self.query(listing).rows)

    def create(
        self,
        name: TableName,
        schema: Sequence[Field],
        *,
        days: int | None = None,
        by_day: str | None = None,
        clustered: Sequence[str] = (),
    ) -> None:
        table = bigquery.Table(str(name), schema=[_to_client(field) for field in schema])
        if by_day is not None:
            table.time_partitioning = bigquery.TimePartitioning(field=by_day)
        if clustered:
            table.clustering_fields = list(clustered)
        table.labels = self._labels
        if days is not None:
            table.expires = datetime.now(UTC) + timedelta(days=days)
        with _translated(str(name)):
            self._client.create_table(table, **self._asking)

    def clone(
        self, source: TableName, target: TableName, *, days: int | None = None, as_of: datetime | None = None
    ) -> None:
        expires = f" OPTIONS ({_expires(days)})" if days is not None else ""
        if as_of is None:
            self.query(Statement(sql=f"CREATE TABLE {target.sql} CLONE {source.sql}{expires}"))
            return
        then = f"FOR SYSTEM_TIME AS OF TIMESTAMP '{as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
        self.query(
            Statement(sql=f"CREATE TABLE {target.sql} CLONE {source.sql} {then}{expires}")
            if self.engine == "bigquery"
            # The stand-in clones the present only.
            else Statement(sql=f"CREATE TABLE {target.sql}{expires} AS SELECT * FROM {source.sql} {then}")
        )

    def create_view(self, name: TableName, sql: str) -> None:
        self.query(Statement(sql=f"CREATE VIEW {name.sql} AS {sql}"))

    def drop(self, name: TableName) -> None:
        with _translated(str(name)):
            self._client.delete_table(str(name), not_found_ok=True, **self._asking)

    def _facts(self, name: TableName) -> TableFacts | None:
        try:
            with _translated(str(name)):
                table = self._client.get_table(str(name), **self._asking)
        except NotFound:
            return None
        return TableFacts(
            name=name,
            kind=_KINDS.get(table.table_type, "OTHER"),  # type: ignore[arg-type]  # values of the literal
            schema=tuple(_from_client(field) for field in table.schema),
            created=table.created or datetime.fromtimestamp(0, UTC),
            modified=table.modified or datetime.fromtimestamp(0, UTC),
            etag=table.etag or "",
            rows=table.num_rows,
            bytes=table.num_bytes,
            view_sql=table.view_query,
            buffered=table.streaming_buffer is not None,
        )

    def _config(self, statement: Statement) -> bigquery.QueryJobConfig:
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in statement.parameters.items()],
            labels=self._labels,
        )
        if self._maximum_bytes is not None:
            config.maximum_bytes_billed = self._maximum_bytes
        return config


def _parameter(
    name: str, value: Scalar | Sequence[Scalar]
) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, Sequence) and not isinstance(value, str):
        kind = _scalar(value[0]) if value else "STRING"
        return bigquery.ArrayQueryParameter(name, kind, list(value))
    return bigquery.ScalarQueryParameter(name, _scalar(value), value)


def _scalar(value: Scalar) -> str:
    """GoogleSQL's type of a Python value; NULL travels as a STRING."""
    return next((name for kind, name in _SCALARS.items() if isinstance(value, kind)), "STRING")


def _from_client(field: bigquery.SchemaField) -> Field:
    kind = _STANDARD.get(field.field_type, field.field_type)
    return Field(
        name=field.name,
        type=f"RANGE<{field.range_element_type.element_type}>" if field.range_element_type else kind,
        mode=field.mode or "NULLABLE",
        fields=tuple(_from_client(child) for child in field.fields),
    )


def _to_client(field: Field) -> bigquery.SchemaField:
    children = tuple(_to_client(child) for child in field.fields)
    if field.type.startswith("RANGE<"):
        of = field.type.removeprefix("RANGE<").removesuffix(">")
        return bigquery.SchemaField(field.name, "RANGE", mode=field.mode, range_element_type=of)
    return bigquery.SchemaField(field.name, field.type, mode=field.mode, fields=children)


# The REST API still answers with the legacy names of some types.
_STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}


def _expires(days: int) -> str:
    return f"expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {int(days)} DAY)"


def _head(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 120 else line[:117] + "..."


def _is_worth_another_try(error: Exception) -> bool:
    """What the client takes for that, and a gateway that waited in vain (504): it is like 502 and 503."""
    return isinstance(error, api.GatewayTimeout) or DEFAULT_RETRY._predicate(error)


@contextmanager
def _translated(subject: str) -> Iterator[None]:
    """Turn the client's exceptions into ours, saying to what it happened."""
    try:
        yield
    except api.Conflict as error:
        raise AlreadyExists(f"{subject}: already exists") from error
    except api.NotFound as error:
        raise NotFound(f"{subject}: {_reason(error)}") from error
    except (api.RetryError, api.ServiceUnavailable, requests.exceptions.RequestException) as error:
        raise Unreachable(
            f"{subject}: the warehouse does not answer ({type(error).__name__}); "
            "if it is the local one, 'dit local status' tells more and the next run goes on"
        ) from error
    except (api.GoogleAPICallError, GoogleAuthError) as error:
        if "already exists" in _reason(error).lower():  # the stand-in says so with 400
            raise AlreadyExists(f"{subject}: already exists") from error
        raise WarehouseError(f"{subject}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, api.GoogleAPICallError) and error.errors:
        return str(error.errors[0].get("message", error.message))
    return str(error)
