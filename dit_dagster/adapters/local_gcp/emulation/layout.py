"""Partitioning, clustering and options of a table, from a job's configuration, a resource or DDL."""

from __future__ import annotations

from typing import Any

_UNITS = {"DAY", "HOUR", "MONTH", "YEAR"}


def of_job(options: dict[str, Any], schema: Any) -> dict[str, Any]:
    """The catalog's fields for a query or load job's layout; ValidationError for a column that is not there."""
    layout = of_resource(options)
    names = {field.name.lower() for field in schema.fields}
    for field in _fields(layout):
        _check(field, names)
    return layout


def of_resource(body: dict[str, Any]) -> dict[str, Any]:
    """The catalog's fields for `timePartitioning`, `rangePartitioning` and `clustering` of a REST body."""
    from bqemulator.catalog.models import Clustering, RangePartitioning, TimePartitioning

    layout: dict[str, Any] = {}
    if time := body.get("timePartitioning"):
        layout["time_partitioning"] = TimePartitioning(
            type=time.get("type", "DAY"),
            field=time.get("field"),
            expiration_ms=time.get("expirationMs"),
            require_partition_filter=bool(
                time.get("requirePartitionFilter") or body.get("requirePartitionFilter", False)
            ),
        )
    if spans := body.get("rangePartitioning"):
        span = spans["range"]
        layout["range_partitioning"] = RangePartitioning(
            field=spans["field"], start=int(span["start"]), end=int(span["end"]), interval=int(span["interval"])
        )
    if clustering := body.get("clustering"):
        layout["clustering"] = Clustering(fields=tuple(clustering["fields"]))
    return layout


def of_record(record: Any) -> dict[str, Any]:
    """The layout that a table has."""
    return {name: getattr(record, name) for name in ("time_partitioning", "range_partitioning", "clustering")}


def of_ddl(create: Any) -> dict[str, Any]:
    """The catalog's fields for PARTITION BY, CLUSTER BY and OPTIONS of a parsed CREATE; `options` separate."""
    from bqemulator.catalog.models import Clustering
    from sqlglot import exp

    layout: dict[str, Any] = {}
    properties = create.args.get("properties")
    for part in properties.expressions if properties is not None else ():
        if isinstance(part, exp.PartitionedByProperty):
            layout |= _partitioned(part.this)
        elif isinstance(part, (exp.ClusterProperty, exp.Cluster)):
            layout["clustering"] = Clustering(fields=tuple(column.name for column in part.expressions))
    return layout


def _partitioned(by: Any) -> dict[str, Any]:
    """The partitioning of one PARTITION BY expression; UnsupportedFeatureError for one that is not understood."""
    from bqemulator.catalog.models import RangePartitioning, TimePartitioning
    from bqemulator.domain.errors import UnsupportedFeatureError
    from sqlglot import exp

    columns = list(by.find_all(exp.Column)) if not isinstance(by, exp.Identifier) else []
    name = by.name if isinstance(by, exp.Identifier) else (columns[0].name if columns else by.name)
    field = None if name.upper() in {"_PARTITIONDATE", "_PARTITIONTIME"} else name
    numbers = [int(literal.this) for literal in by.find_all(exp.Literal) if not literal.is_string]
    if by.find(exp.GenerateSeries) or "RANGE_BUCKET" in by.sql("bigquery").upper():
        start, end, interval = [*numbers, 1][:3]
        return {"range_partitioning": RangePartitioning(field=field or "", start=start, end=end, interval=interval)}
    unit = "DAY"
    if not isinstance(by, (exp.Identifier, exp.Column)) and by.args.get("unit") is not None:
        unit = by.args["unit"].name.upper()
    if unit not in _UNITS:
        raise UnsupportedFeatureError(f"PARTITION BY {by.sql('bigquery')} is not understood by the local cloud")
    return {"time_partitioning": TimePartitioning(type=unit, field=field)}


def _fields(layout: dict[str, Any]) -> list[tuple[str, str]]:
    partitioned = (layout[name] for name in ("time_partitioning", "range_partitioning") if name in layout)
    found = [("partitioning", by.field) for by in partitioned if by.field]
    clustered = layout["clustering"].fields if "clustering" in layout else ()
    return found + [("clustering", field) for field in clustered]


def _check(field: tuple[str, str], names: set[str]) -> None:
    from bqemulator.domain.errors import ValidationError

    purpose, name = field
    if name.lower() not in names:
        raise ValidationError(f"The field specified for {purpose} cannot be found in the schema. Invalid field: {name}")
