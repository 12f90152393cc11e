"""What the documentation says of commands, fields, files and tests is true, and its examples run."""

from __future__ import annotations

import ast
import re
import secrets
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.cli.commands import app
from dit_dagster.demo.history import prepare
from dit_dagster.model import cohort, container, mode, mutation, pipeline, policy
from dit_dagster.model.pipeline import COMPONENT, parse_pipeline
from dit_dagster.model.policy import Declared
from dit_dagster.model.verdict import Verdict
from dit_dagster.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *sorted(DOCS.rglob("*.md"))]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
every_page = pytest.mark.parametrize("page", TEXTS)

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
EXECUTED = "# executed\n"


def fences(text: str, language: str) -> list[str]:
    return [body for kind, body in FENCED.findall(text) if kind == language]


def prose(text: str) -> str:
    return FENCED.sub("", text)


def anchors(text: str) -> set[str]:
    """The ids of a page's headings, as the site builder makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


@every_page
def test_relative_links_lead_somewhere(page: str) -> None:
    """Files exist, and pages have the headings that links name."""
    broken = []
    for link in LINK.findall(prose(TEXTS[page])):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)

    assert broken == []


def console_lines(text: str) -> Iterator[str]:
    """The commands of a page's console blocks, with continuation lines."""
    for block in fences(text, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield line.removeprefix("$ ").removeprefix(".venv/bin/")


def parse(arguments: list[str]) -> None:
    """Parse arguments as `dit` would, without calling anything. Raises the command line library's usage errors."""
    command: Any = typer.main.get_command(app)
    name = "dit"
    while hasattr(command, "commands"):
        context = command.make_context(name, arguments)
        arguments = [*context._protected_args, *context.args]
        if not arguments:
            return
        name, command, arguments = command.resolve_command(context, arguments)
    command.make_context(name, arguments)


@every_page
def test_commands_parse(page: str) -> None:
    """Whoever copies a line from a console block gets no usage error."""
    for line in console_lines(TEXTS[page]):
        words = shlex.split(line, comments=True)
        if words[0] == "dit":
            parse(words[1:])


def leaf_commands(command: Any, path: tuple[str, ...] = ("dit",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that lead to it."""
    children = getattr(command, "commands", {})
    if not children or command.invoke_without_command:
        yield path, command
    for name, child in children.items():
        yield from leaf_commands(child, (*path, name))


LEAVES = dict(leaf_commands(typer.main.get_command(app)))


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


@every_page
def test_commands_in_sentences_exist(page: str) -> None:
    """A command that is only spoken of is there, with the options that are named."""
    wrong = []
    for span in INLINE.findall(prose(TEXTS[page])):
        words = span.removeprefix(".venv/bin/").split()
        if words[0] != "dit" or len(words) < 2 or words[1].startswith("-"):
            continue
        path = max((leaf for leaf in LEAVES if leaf == tuple(words[: len(leaf)])), key=len, default=None)
        group = any(leaf[: len(words)] == tuple(words) for leaf in LEAVES)
        named = {word for word in words if word.startswith("--")}
        if not group and (path is None or named - options(LEAVES[path])):
            wrong.append(span)

    assert wrong == []


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_and_option_is_described(path: tuple[str, ...]) -> None:
    """docs/cli.md is complete."""
    text = TEXTS["docs/cli.md"]

    assert f"`{' '.join(path)}" in text
    assert {option for option in options(LEAVES[path]) - {"--help"} if f"`{option}" not in text} == set()


def test_every_setting_is_described() -> None:
    """docs/cli.md names every DIT_* variable."""
    named = {f"DIT_{field.upper()}" for field in Settings.model_fields}

    assert {name for name in named if f"`{name}`" not in TEXTS["docs/cli.md"]} == set()


def test_every_verdict_is_described() -> None:
    """docs/comparison.md has one row per verdict, and no other."""
    names = {re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).upper() for kind in get_args(Verdict)}

    rows = re.findall(
        r"^\| ([A-Z_]+) \|.*\| (?:pass|fail|inconclusive|error) \|", TEXTS["docs/comparison.md"], re.MULTILINE
    )

    assert sorted(rows) == sorted(names)


def declared_fields() -> set[str]:
    """The names of all fields that a defs.yaml may hold, as they are written there."""
    models = {
        value
        for module in (pipeline, container, cohort, mode, mutation, policy)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Declared)
    }
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


def test_every_field_of_a_declaration_is_described() -> None:
    """docs/pipelines/declaring.md names each field of each model."""
    spans = " ".join(INLINE.findall(prose(TEXTS["docs/pipelines/declaring.md"])))

    assert {field for field in declared_fields() if not re.search(rf"\b{field}\b", spans)} == set()


def test_the_declaration_in_the_docs_is_one() -> None:
    """The complete example is read without an error."""
    [example] = [
        block
        for block in fences(TEXTS["docs/pipelines/declaring.md"], "yaml")
        if block.startswith(f"type: {COMPONENT}")
    ]

    read = parse_pipeline(yaml.safe_load(example)["attributes"], where="docs/pipelines/declaring.md")

    assert set(read.default_modes) <= set(read.available_modes)


@every_page
def test_make_targets_exist(page: str) -> None:
    """A page names no target that the Makefile lacks."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    spoken_of = list(console_lines(TEXTS[page])) + INLINE.findall(prose(TEXTS[page]))

    named = {word for line in spoken_of for word in re.findall(r"^make ([a-z]+)", line)}

    assert named - targets == set()


def names_of_tests() -> set[str]:
    """Every test function of this project."""
    files = (ROOT / "dit_dagster_tests").rglob("test_*.py")
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_trap_has_a_row_and_named_tests_exist() -> None:
    """docs/traps.md: each number once, as many as are told, each with a test that is there or the word that none is."""
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", TEXTS["docs/traps.md"], re.MULTILINE)
    named = {name for _, closed_by in rows for name in re.findall(r"`(test_\w+)`", closed_by)}

    told = re.search(r"lists (\d+) ways", TEXTS["docs/index.md"])
    assert told is not None
    assert sorted(int(number) for number, _ in rows) == list(range(1, int(told[1]) + 1))
    assert f"{told[1]} traps" in TEXTS["README.md"]
    assert [
        number for number, closed_by in rows if "`test_" not in closed_by and not closed_by.startswith("open")
    ] == []
    assert named - names_of_tests() == set()


def test_commit_ids_are_those_of_the_sample(tmp_path: Path) -> None:
    """A full commit id in the docs can be used as it stands, and the README shows the commit that it names."""
    commits = prepare(tmp_path / "demo").commits
    shown = {commit for text in TEXTS.values() for commit in re.findall(r"\b[0-9a-f]{40}\b", text)}

    assert shown <= set(commits.values())
    assert f"flight_gaps {commits['bug-append-only'][:12]}" in TEXTS["README.md"]


def test_no_tracked_file_knows_a_machine() -> None:
    """Neither paths of a developer's machine nor addresses of package indexes."""
    machine = r"(^|[^A-Za-z0-9_.])/(work|farm|root)/[A-Za-z]"
    indexes = r"files\.pythonhosted\.org|pypi\.org|registry\.npmjs\.org|deb\.debian\.org"
    command = ["git", "-C", str(ROOT), "grep", "-nIE", f"{machine}|{indexes}", "--", "."]

    found = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (1, "")


@pytest.fixture
def home(
    local_cloud: LocalCloud, warehouse: BigQueryWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The environment of somebody who tries an example: the shared local cloud, and datasets of one's own."""
    (tmp_path / "local").symlink_to(local_cloud.directory)
    mark = secrets.token_hex(4)
    datasets = {"DIT_DEST_DATASET": f"scratch_{mark}", "DIT_REGISTRY_DATASET": f"registry_{mark}"}
    for name, value in {"DIT_HOME": str(tmp_path), "DIT_WAREHOUSE": "local", **datasets}.items():
        monkeypatch.setenv(name, value)
    yield
    for dataset in datasets.values():
        warehouse.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)


EXAMPLES = [block for block in fences(TEXTS["docs/python-api.md"], "python") if block.startswith(EXECUTED)]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("example", [pytest.param(block, id=f"{n}") for n, block in enumerate(EXAMPLES, 1)])
def test_examples_run(example: str) -> None:
    """Each block of docs/python-api.md that is marked as executed is: its tests pass, in their order."""
    names: dict[str, Any] = {}
    exec(compile(example, "docs/python-api.md", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]

    assert tests
    for test in tests:
        test()
