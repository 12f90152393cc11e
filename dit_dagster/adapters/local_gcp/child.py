"""The agreement between the supervisor and a server that it starts.

The server says where it listens in one line of JSON on standard output. It ends when its standard input closes:
the supervisor holds the other end and never writes, so the operating system closes it even after a SIGKILL.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping

HOST = "127.0.0.1"


class PortTaken(OSError):
    """A fixed port is in use by somebody else."""


def attach() -> Callable[[Mapping[str, object]], None]:
    """Tie this process's life to the supervisor's; return the function that says, once, where the server listens.

    From here on standard output is standard error, so that a library's chatter cannot be taken for the line.
    """
    threading.Thread(target=_await_end_of_input, name="end-with-parent", daemon=True).start()
    line = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def announce(facts: Mapping[str, object]) -> None:
        os.write(line, json.dumps(facts).encode() + b"\n")
        os.close(line)

    return announce


def check_free(port: int, purpose: str) -> None:
    """Raise PortTaken if the fixed `port` is in use; port 0 always passes."""
    if port == 0:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTaken(
                f"port {port} for {purpose} is taken ({error.strerror}): stop what listens on it, choose another, "
                "or leave it at 0 for any free port"
            ) from error


def _await_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)
