"""What makes the command start in a second rather than in five.

Google's BigQuery client imports pandas, pyarrow, gRPC and more when they are installed, for methods that the command
never calls. Here, and only in the command's own process, it is imported as if they were not; they can be imported
afterwards like any other package.
"""

from __future__ import annotations

import sys

_OPTIONAL = (
    "IPython",
    "db_dtypes",
    "google.cloud.bigquery_storage",
    "google.cloud.bigquery_storage_v1",
    "grpc",
    "numpy",
    "opentelemetry",
    "pandas",
    "pyarrow",
)


def import_client_alone() -> None:
    """Import `google.cloud.bigquery` without the packages that it can do without."""
    hidden = [name for name in _OPTIONAL if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None means: not to be found
    try:
        import google.cloud.bigquery  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
