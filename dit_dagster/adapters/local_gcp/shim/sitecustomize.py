"""Leads Google's clients inside a pipeline process to the local cloud where no variable can.

Python runs this file at start-up because its folder is on PYTHONPATH. It replaces hard-coded addresses, each
at the moment its module is imported, and then runs the sitecustomize that it hides, if there is one. It must run
on whatever Python a pipeline brings (3.6 and later), and must never stop a process from starting.
"""

# mypy: ignore-errors

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys

_REST = os.environ.get("BIGQUERY_EMULATOR_HOST", "")
_GRPC = os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST", "")
_DATAFLOW = os.environ.get("DATAFLOW_EMULATOR_HOST", "")
_STORAGE = os.environ.get("STORAGE_EMULATOR_HOST", "")


def _lead_beam(module):
    module.BigqueryV2.BASE_URL = _REST.rstrip("/") + "/bigquery/v2/"


def _lead_older_beam(module):
    """Up to 2.52 Beam has a client of its own for Cloud Storage, which knows no variable."""
    module.StorageV1.BASE_URL = _STORAGE.rstrip("/") + "/storage/v1/"


def _lead_older_batches(module):
    """The same Beam's deletes and copies, which go to an address of their own."""
    if hasattr(module, "GCS_BATCH_ENDPOINT"):
        module.GCS_BATCH_ENDPOINT = _STORAGE.rstrip("/") + "/batch/storage/v1"


def _lead_dataflow(module):
    """The default of --dataflow_endpoint, which has to be a name for Beam to speak plain HTTP."""
    module.GoogleCloudOptions.DATAFLOW_ENDPOINT = _DATAFLOW


def _lead_storage_api(client_name):
    """BigQuery's storage API knows no emulator variable: give its client a plain-text channel."""

    def lead(module):
        client = getattr(module, client_name)
        original = client.__init__

        def __init__(self, *args, **kwargs):  # noqa: N807
            if not args and kwargs.get("transport") is None:
                import grpc

                limit = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
                transport = client.get_transport_class("grpc")
                kwargs["transport"] = transport(channel=grpc.insecure_channel(_GRPC, options=limit))
                kwargs.pop("credentials", None)
                kwargs.pop("client_options", None)
            original(self, *args, **kwargs)

        client.__init__ = __init__

    return lead


_SERVICES = "google.cloud.bigquery_storage_v1.services"
_LEADS = {}
if _REST:
    _LEADS["apache_beam.io.gcp.internal.clients.bigquery.bigquery_v2_client"] = _lead_beam
if _STORAGE:
    _LEADS["apache_beam.io.gcp.internal.clients.storage.storage_v1_client"] = _lead_older_beam
    _LEADS["apache_beam.io.gcp.gcsio"] = _lead_older_batches
if _GRPC:
    _LEADS[_SERVICES + ".big_query_read.client"] = _lead_storage_api("BigQueryReadClient")
    _LEADS[_SERVICES + ".big_query_write.client"] = _lead_storage_api("BigQueryWriteClient")
if _DATAFLOW:
    _LEADS["apache_beam.options.pipeline_options"] = _lead_dataflow


class _Loader(importlib.abc.Loader):
    """Runs the module's own loader, then leads it."""

    def __init__(self, loader, lead):
        self._loader = loader
        self._lead = lead

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        self._lead(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        lead = _LEADS.get(name)
        if lead is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, lead)
        return spec


def _run_hidden_sitecustomize():
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    elsewhere = [folder for folder in sys.path if os.path.abspath(folder or os.curdir) != here]  # noqa: PTH100
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        hidden = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(hidden)


if _LEADS:
    sys.meta_path.insert(0, _Finder())
_run_hidden_sitecustomize()
