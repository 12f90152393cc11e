"""A container's output, line by line, each told once however often the engine goes away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dit_dagster.adapters.docker.engine import Absent, Lost, engine_errors
from dit_dagster.errors import EngineError

if TYPE_CHECKING:
    from docker import APIClient

_AGAIN_SECONDS = 0.2
_LAST_SECONDS = 60.0


class Output:
    """Tells `line` what a container writes. `last` is its last line; `lost`: the engine was away in between."""

    def __init__(self, api: APIClient, name: str, line: Callable[[str], None]) -> None:
        self._api = api
        self._name = name
        self._line = line
        self._told = 0
        self._ended = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self.last = ""
        self.lost = False

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Return once all that the container wrote is told; it has ended."""
        self._ended.set()
        self._thread.join(_LAST_SECONDS)

    def abandon(self) -> None:
        """Tell nothing from now on."""
        self._abandoned.set()

    def _follow(self) -> None:
        """Read until the end. A stream that ends while the container runs, or in an error, is read anew."""
        while not self._abandoned.is_set():
            over = self._ended.is_set()
            try:
                self._read(follow=not over)
                if over:
                    return
            except Lost:
                self.lost = True
            except Absent:
                return
            except EngineError as error:
                self._tell(f"# the container's output cannot be read: {error}")
                return
            self._ended.wait(_AGAIN_SECONDS)

    def _read(self, *, follow: bool) -> None:
        with engine_errors("the container's output"):
            stream = self._api.logs(self._name, stdout=True, stderr=True, stream=True, follow=follow)
            for number, (text, whole) in enumerate(_lines(stream)):
                if self._abandoned.is_set():
                    return
                # The last words without a line's end may be half a line until the container has ended.
                if number >= self._told and (whole or not follow):
                    self._told = number + 1
                    self._tell(text)

    def _tell(self, text: str) -> None:
        self.last = text
        self._line(text)


def _lines(chunks: Iterator[bytes]) -> Iterator[tuple[str, bool]]:
    """Each line without its end, and whether it had one."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r").decode("utf-8", "replace"), True
    if rest:
        yield rest.decode("utf-8", "replace"), False
