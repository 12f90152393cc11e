"""What the emulator does differently from BigQuery, and our repairs: one module each.

Every module's docstring says what BigQuery documents, what the emulator does, and what is done here. Order matters
where two patches wrap the same function: the later one is the outer one.
"""

from __future__ import annotations

from collections.abc import Collection

from dit_dagster.adapters.local_gcp.emulation.patch import Patch
from dit_dagster.adapters.local_gcp.patches import (
    arithmetic,
    column_types,
    compression,
    connections,
    copies,
    destinations,
    dml,
    element_names,
    estimates,
    extracts,
    failures,
    field_names,
    formats,
    functions,
    geography,
    grouping,
    job_records,
    listings,
    loads,
    modification,
    numeric,
    offline,
    overhead,
    parsing,
    projects,
    query_results,
    responsiveness,
    sessions,
    synchronous_queries,
    table_options,
    table_resources,
    table_statements,
    time_travel,
    uploads,
)

PATCHES: tuple[Patch, ...] = (
    offline.PATCH,
    projects.PATCH,
    column_types.PATCH,
    field_names.PATCH,
    parsing.PATCH,
    overhead.PATCH,
    compression.PATCH,
    connections.PATCH,
    responsiveness.PATCH,
    table_resources.PATCH,
    table_options.PATCH,
    modification.PATCH,
    time_travel.PATCH,
    numeric.PATCH,
    arithmetic.PATCH,
    dml.PATCH,
    formats.PATCH,
    functions.PATCH,
    element_names.PATCH,
    grouping.PATCH,
    geography.PATCH,
    table_statements.PATCH,
    query_results.PATCH,
    loads.PATCH,
    uploads.PATCH,
    extracts.PATCH,
    copies.PATCH,
    failures.PATCH,
    listings.PATCH,
    destinations.PATCH,
    estimates.PATCH,
    sessions.PATCH,
    job_records.PATCH,
    synchronous_queries.PATCH,
)
ALL = "all"
_INDISPENSABLE = frozenset({"offline"})


def apply(*, without: Collection[str] = ()) -> None:
    """Apply every patch but those in `without`. ValueError for a name that is not a patch."""
    import bqemulator.server  # noqa: F401 - a patch rebinds names in loaded modules, so all must be loaded

    unknown = set(without) - {patch.name for patch in PATCHES} - {ALL}
    if unknown:
        raise ValueError(f"no patch is named {sorted(unknown)}; there are {[patch.name for patch in PATCHES]}")
    for patch in PATCHES:
        if patch.name in without or (ALL in without and patch.name not in _INDISPENSABLE):
            continue
        patch.apply()
