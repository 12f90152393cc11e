"""What a list of requirements makes uv read of the tree, beside the registry.

A list is followed through `-r` and `-c`, into local directories, wheels and folders of wheels. What it leads to is part
of what is installed, so its content is part of the environment's identity, and a build sees nothing else of the tree.
A local package that reaches out of its own directory counts as one that may read all of the tree.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

_INCLUDES = ("-r", "--requirement", "-c", "--constraint", "--constraints")
_PLACES = ("-f", "--find-links", "-i", "--index-url", "--extra-index-url", "--index", "--default-index")
_EDITABLE = ("-e", "--editable")
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(.*)", re.DOTALL)
_ONE_VERSION = re.compile(r"\(?\s*={2,3}\s*[^\s,*]+\s*\)?")
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:[#?].*)?$")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_HASH = re.compile(r"\s--hash[= ]\S+")
_SAYS_WHAT_TO_BUILD = ("pyproject.toml", "setup.py", "setup.cfg")


class Outside(Exception):
    """A list leads out of the tree: what lies there is not the commit's."""


@dataclass(slots=True, kw_only=True)
class Needs:
    """What a list needs. `loose` are the requirements that another day may be answered with something else.

    `files` are included lists, `places` local packages and folders of packages; both relative to the tree. `followed`
    are the lists that were read, as requirements or as constraints. `whole`: the content of the whole tree may be read.
    `versions` are those that it pins each name to; of a name at an address none.
    """

    files: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    loose: list[str] = field(default_factory=list)
    followed: set[tuple[str, bool]] = field(default_factory=set)
    versions: dict[str, set[str]] = field(default_factory=dict)
    whole: bool = False

    @property
    def is_local(self) -> bool:
        """Whether anything of the tree is needed beside the list itself."""
        return self.whole or bool(self.files or self.places)


def needs_of(text: str, directory: Path, inside: str = "") -> Needs:
    """Follow a list that lies in folder `inside` of the tree at `directory`. Outside if it leads out of the tree."""
    needs = Needs()
    _follow(text, directory.resolve(), inside, needs, constrains=False)
    return needs


def content_of(needs: Needs, directory: Path) -> str:
    """One hash over everything of the tree that is needed."""
    digest = hashlib.sha256()
    roots = [""] if needs.whole else sorted({*needs.files, *needs.places})
    for root in roots:
        for path, content in _contents(directory, root):
            digest.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def without_editables(text: str) -> str:
    """The list with `-e ./lib` as `./lib`: an editable installation would run what lies there later."""
    return re.sub(r"(?m)^\s*(?:-e|--editable)(?:\s+|=)", "", text)


def normalised(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _follow(text: str, tree: Path, inside: str, needs: Needs, *, constrains: bool) -> None:
    for line in _lines(text):
        option, value = _option(line)
        if option in _INCLUDES:
            _include(value, tree, inside, needs, constrains=constrains or option.startswith(("-c", "--con")))
        elif option in _PLACES:
            if not _is_remote(value):
                needs.places.add(_within(value, tree, inside, needs))
        elif option in _EDITABLE:
            _target(value, line, tree, inside, needs)
        elif not option:
            _requirement(line, tree, inside, needs, constrains=constrains)


def _include(value: str, tree: Path, inside: str, needs: Needs, *, constrains: bool) -> None:
    if _is_remote(value):
        needs.loose.append(f"-r {value}")
        return
    file = _within(value, tree, inside, needs)
    if (file, constrains) in needs.followed:
        return
    needs.followed.add((file, constrains))
    needs.files.add(file)
    if (tree / file).is_file():
        listed = (tree / file).read_text(encoding="utf-8", errors="replace")
        _follow(listed, tree, os.path.dirname(file), needs, constrains=constrains)  # noqa: PTH120 - a relative place


def _requirement(line: str, tree: Path, inside: str, needs: Needs, *, constrains: bool) -> None:
    """A line that names a package. One that only constrains may still say where it is taken from."""
    bare = _HASH.sub("", f" {line}").strip()
    named = _NAME.fullmatch(bare)
    rest = named[2] if named is not None else ""
    if named is not None and rest.startswith("@"):
        if not constrains:
            needs.versions.setdefault(normalised(named[1]), set())
        _target(rest[1:].split(" ;")[0].strip(), line, tree, inside, needs)
    elif _is_path(bare) or _is_remote(bare):
        _target(bare.split(" ;")[0].strip(), line, tree, inside, needs)
    elif not constrains:
        version = rest.split(";")[0].strip()
        if named is None or not _ONE_VERSION.fullmatch(version):
            needs.loose.append(bare)
        else:
            needs.versions.setdefault(normalised(named[1]), set()).add(version.strip("()= "))


def _target(value: str, line: str, tree: Path, inside: str, needs: Needs) -> None:
    """What a requirement names by its place: in a repository, at an address, or in the tree."""
    value = value.replace("${PROJECT_ROOT}", str(tree))
    if _is_remote(value) and not value.startswith("file:"):
        is_fixed = _COMMIT.search(value) if "git+" in value else "#sha256=" in value or "--hash" in line
        if not is_fixed:
            needs.loose.append(value)
        return
    value = re.sub(r"\[[^\]/]*\]$", "", value)
    place = _within(value, tree, "", needs)  # of an included list as well, as pip and uv have it
    needs.places.add(place)
    needs.whole = needs.whole or bool(inside and (tree / inside / value).exists())
    needs.whole = needs.whole or place == "" or _reaches_out(tree / place)


def _reaches_out(package: Path) -> bool:
    """Whether building a local package may read what lies beside it."""
    if not package.is_dir():
        return False
    said = [package / name for name in _SAYS_WHAT_TO_BUILD]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in said if file.is_file()]
    if any(".." in text or "workspace" in text for text in texts):
        return True
    links = (path for path in package.rglob("*") if path.is_symlink())
    return any(not path.resolve().is_relative_to(package.resolve()) for path in links)


def _within(value: str, tree: Path, inside: str, needs: Needs) -> str:
    """The place that a list names, relative to the tree; a link stands for what it leads to."""
    local = re.sub(r"^file:(//(localhost)?)?", "", value).split("#")[0]
    path = Path(unquote(local) if value.startswith("file:") else local)
    place = (tree / inside / path).resolve()
    if "${" in value or not place.is_relative_to(tree):
        raise Outside(value)
    lexical = Path(os.path.normpath(tree / inside / path))
    needs.whole = needs.whole or lexical != place  # through a link: it is needed as well as what it leads to
    return "" if place == tree else str(place.relative_to(tree))


def _contents(directory: Path, root: str) -> Iterator[tuple[str, bytes]]:
    start = directory / root
    if start.is_symlink() or not start.is_dir():
        yield root, _read(start)
        return
    for folder, folders, files in os.walk(start):
        folders.sort()
        linked = [name for name in folders if Path(folder, name).is_symlink()]
        for name in sorted((*files, *linked)):
            path = Path(folder, name)
            yield str(path.relative_to(directory)), _read(path)


def _read(path: Path) -> bytes:
    if path.is_symlink():
        return b"link " + os.fsencode(path.readlink())
    if not path.is_file():
        return b"nothing"
    return (b"program " if os.access(path, os.X_OK) else b"file ") + path.read_bytes()


def _lines(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).strip()
        if bare:
            yield bare


def _option(line: str) -> tuple[str, str]:
    """The option that a line begins with, and its value; no option for a requirement."""
    if not line.startswith("-"):
        return "", line
    if not line.startswith("--") and len(line) > 2 and line[2] not in " =":
        return line[:2], _unquoted(line[2:])  # -rmore.txt
    option, _, value = line.replace("=", " ", 1).partition(" ") if re.match(r"-[\w-]+=", line) else line.partition(" ")
    return option, _unquoted(value)


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip()


def _is_remote(value: str) -> bool:
    return bool(_REMOTE.match(value)) and not value.startswith("file:")


def _is_path(value: str) -> bool:
    first = value.split(";")[0].strip().split("[")[0]
    return first.startswith((".", "/", "~", "file:")) or "/" in first or first.endswith(_ARCHIVES)
