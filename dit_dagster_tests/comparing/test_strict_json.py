"""Only what is JSON is read as JSON: everything else is compared as it stands, whatever the engine's reader accepts."""

from __future__ import annotations

import json
from itertools import product
from typing import NoReturn

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.comparing import compare_tables
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Different, Identical, Verdict
from dit_dagster_tests.comparing.oracle import Spec
from dit_dagster_tests.comparing.pairs import Batch, load

VALUES = (
    *("1", "-0", "01", "1.", ".5", "+1", "1e5", "1E+", "1E-2", "0x1", "1_0", "--1", "-", "1 ", "1\n", "1\x00", "\x0b1"),
    *("NaN", "nan", "Infinity", "-Infinity", "inf", "true", "True", "null", "a", "", "\n", "/*c*/1", "//c\n1", "#c\n1"),
    *('"a"', "'a'", '"', '"a\tb"', '"a\nb"', '"\x01"', '"\\x"', '"\\u12"', '"\\/"', '"\\u0000"', '"\\ud83d\\ude00"'),
    *("\ufeff1", "\xa01", "{}", "[]", '{"a":1}', "{'a':1}", "{a:1}"),
)
PLACES = (
    *(
        "%",
        "[%]",
        "[%,]",
        "[,%]",
        "[%,1]",
        "[% 1]",
        "[%,,1]",
        "[1,%",
        "[%]]",
        "% %",
        "%x",
        "%,",
        '[",]",%]',
        '["],",%,]',
    ),
    *('{"a":%}', '{"a":%,}', '{"a":% ,\n}', '{,"a":%}', '{"a" %}', '{"b":[1,{"c":%,}]}', '{"a":%,"b":"},"}', "{%:1}"),
)
DOCUMENTS = tuple(sorted({place.replace("%", value) for place, value in product(PLACES, VALUES)}))


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def is_json(document: str) -> bool:
    """Python's reader, which takes NaN and infinities unless it is told not to, and is strict in all else."""
    try:
        json.loads(document, parse_constant=_no_number)
    except ValueError:
        return False
    return True


def judged(warehouse: BigQueryWarehouse, dataset: DatasetName, *pairs: tuple[str, str]) -> Verdict:
    sides = tuple([{"id": i, "doc": pair[side]} for i, pair in enumerate(pairs)] for side in (0, 1))
    columns = {"id": Spec(type="INT64"), "doc": Spec(type="STRING", policy="json")}
    batch = Batch(columns=columns, keys=("id",), unique=True, pairs=((sides[0], sides[1]),))
    left, right = (load(warehouse, dataset.table(name), batch, side) for side, name in enumerate(("l", "r")))
    policy = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"doc": "json"}})
    return compare_tables(warehouse, left, right, policy)


def test_what_is_json_is_compared_by_meaning(warehouse: BigQueryWarehouse, dataset: DatasetName) -> None:
    """White space around a document does not matter."""
    documents = [each for each in DOCUMENTS if is_json(each)]
    assert len(documents) > 50

    verdict = judged(warehouse, dataset, *((each, f"\n{each} \t") for each in documents))

    assert isinstance(verdict, Identical)


def test_what_is_no_json_is_compared_as_it_stands(warehouse: BigQueryWarehouse, dataset: DatasetName) -> None:
    """One more space makes another text, in every document that the oracle refuses."""
    documents = [each for each in DOCUMENTS if not is_json(each)]
    assert len(documents) > 500

    verdict = judged(warehouse, dataset, *((each, f"\n{each} \t") for each in documents))

    assert isinstance(verdict, Different)
    assert verdict.explanation.changed == len(documents)
