"""Starts the BigQuery emulator with our patches.

usage: python -m dit_dagster.adapters.local_gcp.launcher --directory DIR --storage-root DIR [--without PATCH ...]

`--without` leaves a patch out, or all of them (`--without all`, except the one it cannot start without); the tests
use it to show that each patch is needed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dit_dagster.adapters.local_gcp.child import HOST, PortTaken, attach, check_free


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, or until standard input closes."""
    options = _options(arguments)
    announce = attach()
    try:
        check_free(options.rest_port, "BigQuery's REST API")
        check_free(options.grpc_port, "BigQuery's storage API")
    except PortTaken as error:
        print(error, file=sys.stderr)
        return 1
    _discard_foreign_settings()
    _quieten()

    from dit_dagster.adapters.local_gcp.patches import apply

    apply(without=options.without)
    asyncio.run(_serve(options, announce))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="launcher")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--storage-root", type=Path, required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--rest-port", type=int, default=0)
    parser.add_argument("--grpc-port", type=int, default=0)
    parser.add_argument("--without", nargs="*", default=[], metavar="PATCH")
    return parser.parse_args(arguments)


def _discard_foreign_settings() -> None:
    """Drop BQEMU_* variables: they are the emulator's own settings and would change what the tests prove."""
    for name in [name for name in os.environ if name.startswith("BQEMU_")]:
        del os.environ[name]


def _quieten() -> None:
    """Set the level before the emulator's modules are imported: they log while they are."""
    from bqemulator.config import LogFormat, LogLevel
    from bqemulator.observability.logging_ import configure_logging

    configure_logging(level=LogLevel.WARNING, fmt=LogFormat.JSON)


async def _serve(options: argparse.Namespace, announce: Callable[[Mapping[str, object]], None]) -> None:
    from bqemulator.server import EmulatorServer

    server = EmulatorServer(_settings(options))
    await server.start()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    announce({"rest": server.rest_url, "grpc": server.grpc_endpoint})
    await ended.wait()
    await server.stop()


def _settings(options: argparse.Namespace) -> Any:
    from bqemulator.config import LogLevel, PersistenceMode, Settings

    return Settings(
        persistence_mode=PersistenceMode.PERSISTENT,
        data_dir=options.directory,
        rest_host=HOST,
        grpc_host=HOST,
        rest_port=options.rest_port,
        grpc_port=options.grpc_port,
        default_project_id=options.project,
        gcs_local_root=options.storage_root,
        upload_staging_dir=options.directory / "uploads",
        log_level=LogLevel.WARNING,
    )


if __name__ == "__main__":
    sys.exit(main())
