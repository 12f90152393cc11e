"""`dit compare`: any two tables, a verdict with its exit code, and wrong uses that read nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dit_dagster.evidence.html import comparison_page
from dit_dagster.model.identity import DatasetName
from dit_dagster.ports import Warehouse
from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.comparing.tables import Bench

COLUMNS = "id INT64, kind STRING, v FLOAT64"
ROWS = ("1, 'a', 1.0", "2, 'b', 2.0", "3, 'b', NULL")


@pytest.fixture(scope="module")
def tables(warehouse: Warehouse, module_dataset: DatasetName) -> dict[str, str]:
    """Named by what they hold; all but `wide` have one schema."""
    bench = Bench(warehouse=warehouse, dataset=module_dataset)
    made = {
        "base": bench.table(COLUMNS, *ROWS),
        "shuffled": bench.table(COLUMNS, *reversed(ROWS)),
        "changed": bench.table(COLUMNS, ROWS[0], "2, 'b', 2.5", ROWS[2], "4, 'c', 4.0"),
        "near": bench.table(COLUMNS, ROWS[0], "2, 'b', 2.5", ROWS[2]),
        "empty": bench.table(COLUMNS),
        "wide": bench.table(f"{COLUMNS}, more INT64", *(f"{row}, 1" for row in ROWS)),
    }
    return {name: f"{table.dataset}.{table.table}" for name, table in made.items()}


def test_equal_tables_exit_with_0_and_need_no_key(dit: Dit, tables: dict[str, str], tmp_path: Path) -> None:
    """The JSON has every count, and what was read."""
    ended = dit("compare", tables["base"], tables["shuffled"], "--json", str(tmp_path / "a.json"))

    described = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    names = ("verdict", "passed", "rows_left", "rows_right", "only_left", "only_right", "changed", "columns", "method")
    assert [described[name] for name in names] == ["IDENTICAL", True, 3, 3, 0, 0, 0, [], "digest scan"]
    assert (ended.code, ended.err) == (0, "")
    assert "PASS" in ended.out
    assert described["cost"]["bytes_estimated"] > 0
    assert described["cost"]["bytes_billed"] >= described["cost"]["bytes_estimated"]


def test_a_difference_is_explained_and_exits_with_1(dit: Dit, tables: dict[str, str], tmp_path: Path) -> None:
    """Counts, columns with their deltas, samples; the project may be named."""
    file = tmp_path / "a.json"

    ended = dit("compare", tables["base"], f"ditlocal.{tables['changed']}", "--keys", "id", "--json", str(file))

    described = json.loads(file.read_text(encoding="utf-8"))
    assert ended.code == 1
    assert (described["verdict"], described["passed"], described["method"]) == ("DIFFERENT", False, "residue")
    assert [described[name] for name in ("only_left", "only_right", "changed", "multiplicity")] == [0, 1, 1, 0]
    assert [(column["name"], column["max_abs"]) for column in described["columns"]] == [("v", 0.5)]
    assert "1 only right, 1 changed; columns: v (1)" in ended.out
    assert "id=2: v: 2.0 ~ 2.5" in ended.out


def test_a_comparison_has_a_page(dit: Dit, tables: dict[str, str], tmp_path: Path) -> None:
    """Made of its JSON alone; the exit code stays the verdict's."""
    files = {kind: tmp_path / f"a.{kind}" for kind in ("json", "html")}

    ended = dit(
        *("compare", tables["base"], tables["changed"], "--keys", "id"),
        *("--json", str(files["json"]), "--html", str(files["html"])),
    )

    page = files["html"].read_text(encoding="utf-8")
    assert (ended.code, page) == (1, comparison_page(json.loads(files["json"].read_text(encoding="utf-8"))))
    assert "<mark>" in page


def test_a_policy_from_a_file_decides_what_equal_means(dit: Dit, tables: dict[str, str], tmp_path: Path) -> None:
    """Tolerances, keys and an announced difference work as in a pipeline's declaration."""
    tolerant, announced = tmp_path / "tolerant.yaml", tmp_path / "announced.yaml"
    tolerant.write_text("keys: [id]\ncolumns:\n  v: {tolerance: {abs: 0.5}}\n", encoding="utf-8")
    announced.write_text("keys: [id]\nexpected_diff: {where: id = 2, rows: 1}\n", encoding="utf-8")

    ended = [
        dit("compare", tables["base"], tables["near"], *options)
        for options in (
            ["--policy", str(tolerant)],
            ["--policy", str(tolerant), "--keys", "id"],
            ["--policy", str(announced)],
            ["--where", "id <> 2"],
            [],
        )
    ]

    assert [each.code for each in ended] == [0, 0, 0, 0, 1]
    said = ("EQUIVALENT", "EQUIVALENT", "EXPECTED_DIFFERENCE", "IDENTICAL", "DIFFERENT")
    assert [word in each.out for word, each in zip(said, ended, strict=True)] == [True] * 5


@pytest.mark.parametrize(
    ("left", "right", "code", "said"),
    [
        pytest.param("base", "wide", 1, "more INT64: only right", id="another schema"),
        pytest.param("empty", "empty", 3, "EMPTY", id="two empty tables"),
    ],
)
def test_the_exit_code_is_the_verdicts(
    dit: Dit, tables: dict[str, str], tmp_path: Path, left: str, right: str, code: int, said: str
) -> None:
    """Inconclusive is never 0, and what was not counted is null, not 0."""
    file = tmp_path / "a.json"

    ended = dit("compare", tables[left], tables[right], "--json", str(file))

    counted = json.loads(file.read_text(encoding="utf-8"))["only_left"]
    assert (ended.code, said in ended.out, counted) == (code, True, None if code == 1 else 0)


def test_exact_finds_the_same(dit: Dit, tables: dict[str, str]) -> None:
    """Grouped by the rows themselves."""
    equal = dit("compare", tables["base"], tables["shuffled"], "--exact")
    different = dit("compare", tables["base"], tables["changed"], "--exact", "--keys", "id")

    assert (equal.code, "row grouping" in equal.out) == (0, True)
    assert (different.code, "1 only right, 1 changed; columns: v (1)" in different.out) == (1, True)


WRONG = [
    pytest.param(["no_such"], "'no_such' is not a table; write dataset.table", id="half a name"),
    pytest.param(["no.such"], "ditlocal.no.such: there is no such table", id="no such table"),
    pytest.param(["{base}", "--keys", "nope"], "has no column 'nope', named in keys; it has id, kind, v", id="no key"),
    pytest.param(["{base}", "--where", "nope = 1"], "names nope, which the table does not have", id="no column"),
    pytest.param(["{base}", "--where", "id = 1; DROP TABLE x"], "is not one condition", id="two statements"),
    pytest.param(["{base}", "--where", " "], "where is empty; leave it out", id="an empty condition"),
    pytest.param(["{base}", "--max-bytes", "1"], "over --max-bytes 1; narrow it", id="too much to read"),
    pytest.param(["{base}", "--max-bytes", "-1"], "Invalid value for '--max-bytes'", id="a negative limit"),
    pytest.param(["{base}", "--json", "/no/such/a.json"], "not a file in a folder that exists", id="no folder"),
    pytest.param(["{base}", "--policy", "/no/such.yaml"], "/no/such.yaml: cannot be read", id="no policy"),
    pytest.param(["{base}", "--tolerance", "1"], "No such option: --tolerance", id="a tolerance on the command line"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_a_wrong_use_is_one_line(dit: Dit, tables: dict[str, str], arguments: list[str], said: str) -> None:
    """Exit 2, before anything is read."""
    right, *options = (word.replace("{base}", tables["base"]) for word in arguments)

    ended = dit("compare", tables["base"], right, *options)

    assert said in ended.err
    assert (ended.code, ended.err.count("\n"), ended.out) == (2, 1, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("key: [id]", "key: unknown field; allowed: allow_empty, alternate_keys, columns,", id="a field"),
        pytest.param("span: {start: a, stop: b}", "span.stop: unknown field; allowed: end, start", id="within a part"),
        pytest.param(
            "columns: {v: {tolerance: {absolute: 1}}}",
            "columns.v.tolerance.absolute: unknown field; allowed: abs, kind, rel",
            id="within a column",
        ),
        pytest.param("columns: {v: near}", "expected tags: 'exact', 'tolerance', 'json'", id="a kind"),
        pytest.param("- id", "not a policy; allowed fields: allow_empty,", id="a list"),
        pytest.param("keys: [id]\nkeys: [v]", "'keys' stands twice", id="a field twice"),
        pytest.param("keys: [kind]", "keys id: the policy has kind; change the policy instead", id="other keys"),
        pytest.param("ignore: {id: noise}", "id: ignored, and used as a key", id="an ignored key"),
    ],
)
def test_a_wrong_policy_is_named(dit: Dit, tables: dict[str, str], tmp_path: Path, text: str, said: str) -> None:
    """The file, the field, and what is allowed."""
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")

    ended = dit("compare", tables["base"], tables["near"], "--policy", str(file), "--keys", "id")

    assert said in ended.err
    assert (ended.code, ended.err.count("\n"), ended.out) == (2, 1, "")
