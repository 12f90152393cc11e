"""Uploads from the official client are accepted.

BigQuery: `load_table_from_json` and `load_table_from_file` send the content type `*/*`.
Emulator: answers it with 400.
Here: `*/*` is accepted.
"""

from __future__ import annotations

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap


def apply() -> None:
    """Widen the check."""
    from bqemulator.api.routes import upload

    wrap(upload, "_is_permitted_media_type", lambda original: lambda kind: kind == "*/*" or original(kind))


PATCH = Patch(name="uploads", apply=apply)
