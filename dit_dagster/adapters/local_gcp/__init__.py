"""A Google Cloud on the laptop: BigQuery, its storage API, Cloud Storage and a token endpoint, on loopback only.

`up` starts it, `down` stops it, `status` looks. `LocalCloud.environment` is what a pipeline process needs in
order to reach it without a change to its code. docs/local-cloud.md says what is faithful and what is not.
"""

from dit_dagster.adapters.local_gcp.cloud import Broken, LocalCloud, LocalCloudError, Ports, Running, Status, Stopped
from dit_dagster.adapters.local_gcp.lifecycle import DEFAULT_PROJECT, down, status, up

__all__ = [
    "DEFAULT_PROJECT",
    "Broken",
    "LocalCloud",
    "LocalCloudError",
    "Ports",
    "Running",
    "Status",
    "Stopped",
    "down",
    "status",
    "up",
]
