"""Python packages that are built without a registry: each brings the few lines that build it."""

from __future__ import annotations

from collections.abc import Mapping

_BACKEND = """
import json, os, pathlib, tomllib, zipfile

project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]


def build_wheel(directory, config_settings=None, metadata_directory=None):
    name, version = project["name"], "1.0"
    made = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    asks = "".join(f"Requires-Dist: {one}\\n" for one in project.get("dependencies", []))
    with zipfile.ZipFile(pathlib.Path(directory) / made, "w") as wheel:
        wheel.write(f"{name}.py")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n{asks}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/entry_points.txt", f"[console_scripts]\\n{name} = {name}:main\\n")
        wheel.writestr(f"{info}/RECORD", "")
    pathlib.Path("built.txt").write_text(json.dumps(dict(os.environ)))
    MORE
    return made


build_editable = build_wheel
"""

_PROJECT = """
[project]
name = "{name}"
{told}

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def a_package(
    name: str, code: str, folder: str = "", *, dependencies: str = "", dynamic: bool = False, building: str = "pass"
) -> Mapping[str, str]:
    """The files of a package of one module. With `dynamic`, only its build tells what it needs.

    `building` is run while it is built.
    """
    told = f'version = "1.0"\ndependencies = [{dependencies}]'
    told = 'dynamic = ["version", "dependencies"]' if dynamic else told
    return {
        f"{folder}{name}.py": code,
        f"{folder}backend.py": _BACKEND.replace("MORE", building),
        f"{folder}pyproject.toml": _PROJECT.format(name=name, told=told),
    }
