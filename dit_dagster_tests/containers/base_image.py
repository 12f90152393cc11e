"""A base image of this machine's own files: a shell, a few programs, and Python with its standard library."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PROGRAMS = ("sh", "sleep", "cat", "chmod", "mkdir", "id", "env", "kill")
_LEFT_OUT = frozenset(
    {"test", "tests", "idlelib", "turtledemo", "tkinter", "ensurepip", "site-packages", "dist-packages"}
)
_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"/usr/local/lib/{_PYTHON}/site-packages"


@contextmanager
def base_image(more: Mapping[str, Path | str] | None = None) -> Iterator[Path]:
    """A tar of a root folder, for `docker import`. `more`: folders of this machine, and scripts, by where they go."""
    with tempfile.TemporaryDirectory(prefix="dit-base-") as folder:
        archive = Path(folder) / "base.tar"
        with tarfile.open(archive, "w") as tar:
            _write(tar, more or {})
        yield archive


def _write(tar: tarfile.TarFile, more: Mapping[str, Path | str]) -> None:
    python = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    programs = [Path(found).resolve() for name in _PROGRAMS if (found := shutil.which(name, path="/bin:/usr/bin"))]
    for program, name in zip(programs, _PROGRAMS, strict=True):
        tar.add(program, f"/bin/{name}", recursive=False)
    # Where its library is found from where the program is: nothing of this machine's places is needed.
    tar.add(python, f"/usr/local/bin/{_PYTHON}", recursive=False)
    for name in ("python", "python3"):
        _link(tar, f"/usr/local/bin/{name}", _PYTHON)
    tar.add(library, f"/usr/local/lib/{_PYTHON}", filter=_needed)
    for target, source in more.items():
        if isinstance(source, str):
            _file(tar, target, source, mode=0o755)
        else:
            tar.add(source, target, filter=_compiled_left_out)
    folders = [library / "lib-dynload", *(source for source in more.values() if isinstance(source, Path))]
    extensions = [file for folder in folders for file in folder.rglob("*.so")]
    for shared in sorted({one for program in (python, *programs, *extensions) for one in _libraries(program)}):
        tar.add(shared.resolve(), str(shared), recursive=False)
    for text, name in (("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", "passwd"), ("", "group")):
        _file(tar, f"/etc/{name}", text)
    for name in ("/tmp", "/root"):
        folder = tarfile.TarInfo(name)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)


def _needed(one: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(one.name).parts
    return None if _LEFT_OUT & set(parts) or parts[-1].startswith("config-") else _compiled_left_out(one)


def _compiled_left_out(one: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Only compiled files of the usual kind are ever read."""
    return None if one.name.endswith((".opt-1.pyc", ".opt-2.pyc", ".a")) else one


def _libraries(program: Path) -> Iterator[Path]:
    """The shared libraries of a program, as the loader finds them."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    found = map(Path, re.findall(r"(/[^\s:]+) \(0x", done.stdout))
    yield from (one for one in found if "site-packages" not in one.parts)  # a wheel brings its own


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    tar.addfile(link)


def _file(tar: tarfile.TarFile, name: str, text: str, *, mode: int = 0o644) -> None:
    content = text.encode()
    one = tarfile.TarInfo(name)
    one.size, one.mode = len(content), mode
    tar.addfile(one, io.BytesIO(content))
