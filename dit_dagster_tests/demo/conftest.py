"""The local cloud, for the tests that load the sample's input."""

from dit_dagster_tests.local_cloud import local_cloud  # noqa: F401
