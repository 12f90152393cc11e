"""The residue of large tables is found by bucket first, and is the same residue."""

from __future__ import annotations

from dit_dagster.comparing.counting import Input
from dit_dagster.comparing.residue import MANY_ROWS, Question, residue_statement
from dit_dagster.comparing.rows import engine
from dit_dagster.comparing.schema import layout
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.ports import Warehouse
from dit_dagster_tests.comparing.tables import Bench

BY_ID = ComparisonPolicy(keys=("id",))


def test_buckets_find_the_same_residue(warehouse: Warehouse, dataset: DatasetName) -> None:
    """Changed, lost, new and doubled rows, among many equal ones."""
    bench = Bench(warehouse=warehouse, dataset=dataset)
    equal = [f"{i}, 'v'" for i in range(10, 40)]
    left = bench.table("id INT64, v STRING", *equal, "1, 'a'", "2, 'b'", "3, 'c'")
    right = bench.table("id INT64, v STRING", *equal, "1, 'z'", "3, 'c'", "3, 'c'", "4, 'd'")
    known = warehouse.facts([left, right])
    of = [Input(table=each, layout=layout(known[each], BY_ID, engine="local")) for each in (left, right)]

    def told(rows: int) -> set[str]:
        question = Question(left=of[0], right=of[1], days=None, boundaries=(), expected=None, rows=rows)
        answer = warehouse.query(residue_statement(question, engine("local")))
        said = [row for row in answer.rows if row["told"] != "sums"]
        return {str(sorted(row.items(), key=lambda item: item[0])) for row in said}

    assert told(MANY_ROWS + 1) == told(0)
    assert len(told(0)) == 9
