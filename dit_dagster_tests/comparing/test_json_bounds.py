"""Numbers within JSON that may differ a little: what passes under `{json: {abs, rel}}`, and what never does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dit_dagster.comparing.documents import BIGQUERY_NUMBER, BIGQUERY_TOKENS
from dit_dagster.errors import UsageError
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy, Json
from dit_dagster.model.policy_file import read_policy
from dit_dagster.model.verdict import Different, Equivalent, Identical, Incomparable, Verdict
from dit_dagster.ports import Warehouse
from dit_dagster_tests.comparing.tables import Bench

NOISY = '{"hours": 0.5114785714285714, "count": 15}'


@pytest.fixture(scope="module")
def bench(warehouse: Warehouse, module_dataset: DatasetName) -> Bench:
    return Bench(warehouse=warehouse, dataset=module_dataset)


NEAR: Mapping[str, tuple[str, str]] = {
    "last bits": (NOISY, NOISY.replace("5714,", "5716,")),
    "deep within, at the bound": ('{"a": [1, {"b": 10}]}', '{"a": [1, {"b": 11}]}'),
    "keys in another order": ('{"a": -1e2, "b": 1}', '{"b": 1, "a": -101}'),
    "nothing but a number": ("7", "8"),
    "several numbers": ('[1, 2, "3"]', '[1.25, 1.75, "3"]'),
    "last bits of a small number": ('{"a": 0.030000000000000002}', '{"a": 0.03}'),
    "of a smaller one": ("[-0.00012345678901234567]", "[-0.00012345678901234512]"),
    "beside a text of many digits": ('{"a": "12345678901234567890", "b": 1}', '{"b": 2, "a": "12345678901234567890"}'),
    "the largest integers that are all held": ("9007199254740990", "9007199254740991"),
}
FAR: dict[str, tuple[str, str]] = {
    "a number beyond them": ('{"a": 1}', '{"a": 2.5}'),
    "one of several beyond them": ('{"a": 1, "b": 1}', '{"a": 1.5, "b": 3}'),
    "another key": ('{"a": 1}', '{"b": 1}'),
    "a key more": ('{"a": 1}', '{"a": 1, "b": 1}'),
    "an element more": ("[1, 2]", "[1, 2, 2]"),
    "the same numbers, put otherwise": ("[1, [2]]", "[[1], 2]"),
    "texts of digits": ('{"a": "1"}', '{"a": "2"}'),
    "a number and its text": ('{"a": 1}', '{"a": "1"}'),
    "a number and null": ('{"a": 1}', '{"a": null}'),
    "a number and false": ('{"a": 0}', '{"a": false}'),
    "keys of digits": ('{"1": 0}', '{"2": 0}'),
    "a text that looks like a kind": ('["NUMBER", "1"]', '["NUMBER", "2"]'),
    "with quotes in it": ('["\\"NUMBER\\",\\"1\\""]', '["\\"NUMBER\\",\\"2\\""]'),
    "integers that FLOAT64 does not hold": ("9007199254740993", "9007199254740994"),
    "integers of which it holds one": ("9007199254740992", "9007199254740993"),
}
FAR_TEXTS: Mapping[str, tuple[str, str]] = FAR | {
    "a key with a dot": ('{"a.NUMBER": "1"}', '{"a.NUMBER": "2"}'),
    "no JSON": ("no json 1", "no json 2"),
    "no JSON that looks like a number": ('"NUMBER","1"', '"NUMBER","2"'),
    "a key twice": ('{"a": 1, "a": 2}', '{"a": 1, "a": 3}'),
    "more digits than are read of a small number": ("[0.0123456789012345678]", "[0.0123456789012345679]"),
    "of an integer": ("[1, -123456789012345678901]", "[1, -123456789012345678902]"),
    "of one that is all": ("123456789012345678901", "123456789012345678902"),
    "of one behind spaces": ('{"a":\n 12.3456789012345678}', '{"a":\n 12.3456789012345679}'),
    "more digits than are read": ('{"a": 1.00000000000000000001}', '{"a": 1.00000000000000000002}'),
}


def verdict(
    bench: Bench, cases: Mapping[str, tuple[str, str]], *, kind: str = "STRING", exact: bool = False, **bounds: float
) -> Verdict:
    """A case is a row, which its name is the key of."""
    declared = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"doc": {"json": bounds}}})
    prefix = "JSON " if kind == "JSON" else ""
    left, right = (
        bench.table(
            f"id STRING, doc {kind}",
            *(f"'{name}', {prefix}{_quoted(pair[side])}" for name, pair in cases.items()),
            f"'equal', {prefix}'{{}}'",
            "'none', NULL",
        )
        for side in (0, 1)
    )
    return bench.verdict(left, right, declared, exact=exact)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _swapped(cases: Mapping[str, tuple[str, str]]) -> Mapping[str, tuple[str, str]]:
    return {name: (right, left) for name, (left, right) in cases.items()}


@pytest.mark.parametrize(("kind", "exact"), [("STRING", False), ("JSON", False), ("STRING", True)])
def test_numbers_within_the_bounds_pass(bench: Bench, kind: str, exact: bool) -> None:
    """EQUIVALENT both ways round, by hashes and by rows, and it is said how many; without bounds they all differ."""
    for cases in (NEAR, _swapped(NEAR)):
        found = verdict(bench, cases, kind=kind, exact=exact, abs=1.0)
        assert isinstance(found, Equivalent), found
        assert [(each.name, each.within_tolerance) for each in found.explanation.columns] == [("doc", len(NEAR))]
    unbounded = verdict(bench, NEAR, kind=kind, exact=exact)
    assert isinstance(unbounded, Different)
    assert unbounded.explanation.changed == len(NEAR)


def test_a_relative_bound_is_of_the_larger_number(bench: Bench) -> None:
    """One part of a hundred of 101 is more than 1, and of 99 less."""
    cases = {"near": ('{"a": 101}', '{"a": 100}'), "far": ('{"a": 99}', '{"a": 100.5}')}

    found = verdict(bench, cases, rel=0.01)

    assert isinstance(found, Different)
    assert (found.explanation.changed, found.explanation.within_tolerance) == (1, 1)
    assert [sample.key["id"] for sample in found.explanation.samples] == ["far", "near"]


@pytest.mark.parametrize(("kind", "cases"), [("STRING", FAR_TEXTS), ("JSON", FAR)])
def test_anything_else_differs(bench: Bench, kind: str, cases: Mapping[str, tuple[str, str]]) -> None:
    """Each of them, both ways round."""
    for each in (cases, _swapped(cases)):
        found = verdict(bench, each, kind=kind, abs=1.0)
        assert isinstance(found, Different)
        assert (found.explanation.changed, found.explanation.within_tolerance) == (len(cases), 0), found.explanation


def test_null_is_near_nothing(bench: Bench) -> None:
    """But the same as NULL."""
    declared = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"doc": {"json": {"abs": 1}}}})
    none, some = (bench.table("id INT64, doc STRING", f"1, {value}") for value in ("NULL", "'0'"))

    assert isinstance(bench.verdict(none, some, declared), Different)
    assert isinstance(bench.verdict(none, none, declared), Identical)


def test_bounds_need_keys(bench: Bench) -> None:
    """Rows must be paired before their documents can be near."""
    declared = ComparisonPolicy.model_validate({"columns": {"doc": {"json": {"abs": 1}}}})
    left, right = bench.table("doc STRING", "'1'"), bench.table("doc STRING", "'2'")

    assert isinstance(bench.verdict(left, right, declared), Incomparable)


def test_a_pairing_that_leaves_doubt_is_no_difference(bench: Bench) -> None:
    """Two rows of one key, which could be paired the other way."""
    declared = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"doc": {"json": {"abs": 1}}}})
    left = bench.table("id INT64, doc STRING", "1, '10'", "1, '2'")
    right = bench.table("id INT64, doc STRING", "1, '11'", "1, '7'")

    assert isinstance(bench.verdict(left, right, declared), Incomparable)


@pytest.mark.parametrize(
    ("canonical", "numbers"),
    [
        ('{"a":1,"b":[-2.5e-7,"3",true,null,1e+30]}', ["1", "-2.5e-7", "1e+30"]),
        (r'{"a \"1\" 2":"-3 \\","e":4}', ["4"]),
        ('["NUMBER","1"]', []),
    ],
)
def test_numbers_in_the_text_that_bigquery_writes(canonical: str, numbers: list[str]) -> None:
    """Its tokens are the whole text, and numbers are found outside of strings only. RE2 and Python agree on these."""
    tokens = re.findall(BIGQUERY_TOKENS, canonical)

    assert "".join(tokens) == canonical
    assert [found[1] for token in tokens if (found := re.search(BIGQUERY_NUMBER, token))] == numbers


@pytest.mark.parametrize("spelling", [{"json": {"rel": 1e-9}}, {"kind": "json", "rel": 1e-9}])
def test_both_spellings_are_one_policy(spelling: dict[str, Any]) -> None:
    """The short one is for people."""
    declared = ComparisonPolicy.model_validate({"columns": {"doc": spelling}})

    assert declared.columns["doc"] == Json(rel=1e-9)


def test_bounds_are_no_part_of_a_digest() -> None:
    """A digest reads the same under any of them; the whole policy is another."""
    plain, bounded = (
        ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"doc": each}})
        for each in ("json", {"json": {"abs": 1}})
    )

    assert plain.digest_hash == bounded.digest_hash
    assert plain.full_hash != bounded.full_hash


@pytest.mark.parametrize("bounds", [{"abs": -1}, {"rel": 1}, {"metres": 1}])
def test_bounds_that_are_none_are_refused(tmp_path: Path, bounds: dict[str, float]) -> None:
    """In a policy file as elsewhere, naming the column."""
    file = tmp_path / "policy.yaml"
    file.write_text(json.dumps({"columns": {"doc": {"json": bounds}}}))

    with pytest.raises(UsageError, match="doc"):
        read_policy(file)
