"""What is told of the pairs: counts, columns, days, dimension values and samples, as rows of one shape.

Every telling is a SELECT over `pairs` (see residue.py) of the columns of `SHAPE`; their union is one small answer.
"""

from __future__ import annotations

from sqlglot import exp

from dit_dagster.comparing.distance import distance, magnitude, near
from dit_dagster.comparing.rows import Engine, row_text
from dit_dagster.comparing.schema import Column, Layout
from dit_dagster.comparing.sql import (
    Node,
    all_of,
    array,
    call,
    cast,
    choose,
    column,
    differs,
    is_null,
    named,
    number,
    ordered,
    step,
    struct,
    text,
)

SAMPLES = 5
SAMPLE_CHARACTERS = 2000
MOST_DAYS = 5000
MOST_VALUES = 20

SHAPE = {
    "told": "STRING",
    "i": "INT64",
    "s": "STRING",
    "a": "STRING",
    "b": "STRING",
    "n": "INT64",
    "m": "INT64",
    "o": "INT64",
    "x": "FLOAT64",
    "y": "FLOAT64",
    "z": "FLOAT64",
}
_CELL = ("i", "a", "b", "delta", "size", "near")


def told_of_pairs(layout: Layout, spelling: Engine) -> list[exp.Select]:
    """Every telling that these columns allow."""
    tellings = [_totals(), _lost_rows(layout, spelling)]
    if layout.day:
        tellings.append(_days())
    tellings += [_values(i, each, spelling) for i, each in enumerate(layout.dimensions)]
    if layout.pairing:
        tellings += [_ambiguous(), _columns(), _changed_cells()]
    return tellings


def _tell(told: str, **fields: Node) -> exp.Select:
    values = {"told": text(told), **fields}
    projection = [named(values.get(name, cast(exp.Null(), kind)), name) for name, kind in SHAPE.items()]
    return exp.select(*projection)


def _count() -> Node:
    return exp.Count(this=exp.Star())


def _from_pairs(select: exp.Select) -> exp.Select:
    return select.from_(step("pairs", "p"))


def _totals() -> exp.Select:
    """Per kind: how many, how many at a slice boundary, how many that were announced."""
    fields = {
        "s": column("kind", "p"),
        "n": _count(),
        "m": call("COUNTIF", column("touches", "p")),
        "o": call("COUNTIF", column("expected", "p")),
    }
    return _from_pairs(_tell("total", **fields)).group_by(column("kind", "p"))


def _ambiguous() -> exp.Select:
    keys = exp.Count(this=exp.Distinct(expressions=[column("key", "p")]))
    return _from_pairs(_tell("ambiguous", n=keys)).where(column("ambiguous", "p"))


def _days() -> exp.Select:
    grouped = (
        _from_pairs(exp.select(named(cast(column("day", "p"), "STRING"), "day"), named(_count(), "n")))
        .where(all_of([_different(), exp.not_(is_null(column("day", "p")))]))
        .group_by(column("day", "p"))
        .order_by(ordered(column("day", "p")))
        .limit(MOST_DAYS)
    )
    return _tell("day", s=column("day", "d"), n=column("n", "d")).from_(grouped.subquery("d"))


def _values(i: int, of: Column, spelling: Engine) -> exp.Select:
    """The values of one dimension that hold most differences."""
    held = spelling.text(Column(name=f"m{i}", type=of.type, policy=of.policy), "p")
    valued = _from_pairs(exp.select(named(held, "v"))).where(_different())
    grouped = (
        exp.select(named(column("v", "q"), "v"), named(_count(), "n"))
        .from_(valued.subquery("q"))
        .group_by(column("v", "q"))
        .order_by(ordered(_count(), desc=True), ordered(column("v", "q")))
        .limit(MOST_VALUES)
    )
    return _tell("value", i=number(i), s=column("v", "d"), n=column("n", "d")).from_(grouped.subquery("d"))


def _different() -> Node:
    return exp.NEQ(this=column("kind", "p"), expression=text("near"))


def _lost_rows(layout: Layout, spelling: Engine) -> exp.Select:
    """Samples of rows that stayed alone: the whole row as text, under the side that has it."""
    alone = exp.In(this=column("kind", "p"), expressions=[text("only_left"), text("only_right"), text("multiplicity")])
    order = exp.Order(expressions=[ordered(column(name, "p")) for name in ("key", "nth")])
    place = exp.Window(this=call("ROW_NUMBER"), partition_by=[column("kind", "p")], order=order)
    ranked = _from_pairs(exp.select("p.*", named(place, "place"))).where(alone)
    left, right = (_whole_row(layout, side, spelling) for side in ("l", "r"))
    fields = {
        "i": column("place", "q"),
        "s": column("key", "q"),
        "a": choose(_present("l"), left, exp.Null()),
        "b": choose(_present("r"), right, exp.Null()),
        "n": _rank_of_kind(),
    }
    few = exp.LTE(this=column("place", "q"), expression=number(SAMPLES))
    return _tell("row", **fields).from_(ranked.subquery("q")).where(few)


def _rank_of_kind() -> Node:
    kinds = ("only_left", "only_right", "multiplicity")
    case = exp.Case()
    for i, kind in enumerate(kinds):
        case = case.when(exp.EQ(this=column("kind", "q"), expression=text(kind)), number(i))
    return case


def _present(side: str) -> Node:
    return exp.not_(is_null(column(f"{side}side", "q")))


def _whole_row(layout: Layout, side: str, spelling: Engine) -> Node:
    texts = [_shortened(spelling.text(_renamed(each, f"{side}{i}"), "q")) for i, each in enumerate(layout.columns)]
    return row_text(texts)


def _shortened(value: Node) -> Node:
    return call("SUBSTR", value, number(1), number(SAMPLE_CHARACTERS))


def _renamed(of: Column, name: str) -> Column:
    return Column(name=name, type=of.type, policy=of.policy)


def cells(layout: Layout, spelling: Engine) -> exp.Select:
    """One row per differing value of a pair, in long form."""
    values = [_cell(i, each, spelling) for i, each in enumerate(layout.columns)]
    unnested = exp.Unnest(
        expressions=[array(values)], alias=exp.TableAlias(columns=[exp.to_identifier("c", quoted=True)])
    )
    paired = exp.In(this=column("kind", "p"), expressions=[text("changed"), text("near")])
    fields = [named(column(name, "c"), name) for name in _CELL]
    projection = [named(column("key", "p"), "key"), named(column("nth", "p"), "nth"), *fields]
    cells = _from_pairs(exp.select(*projection)).join(unnested, join_type="cross")
    return cells.where(all_of([paired, differs(column("a", "c"), column("b", "c"))]))


def _cell(i: int, of: Column, spelling: Engine) -> Node:
    left, right = column(f"l{i}", "p"), column(f"r{i}", "p")
    return struct(
        i=number(i),
        a=spelling.text(_renamed(of, f"l{i}"), "p"),
        b=spelling.text(_renamed(of, f"r{i}"), "p"),
        delta=distance(of, left, right, spelling),
        size=magnitude(of, left, right),
        near=near(of, left, right, spelling),
    )


def _columns() -> exp.Select:
    """Per column: differences beyond the tolerance, within it, against NULL; the largest, mean and relative gap."""
    delta = column("delta", "c")
    null = exp.paren(exp.or_(is_null(column("a", "c")), is_null(column("b", "c"))))
    fields = {
        "i": column("i", "c"),
        "n": call("COUNTIF", exp.not_(column("near", "c"))),
        "m": call("COUNTIF", column("near", "c")),
        "o": call("COUNTIF", null),
        "x": call("MAX", delta),
        "y": call("AVG", delta.copy()),
        "z": call("MAX", call("SAFE_DIVIDE", delta.copy(), column("size", "c"))),
    }
    return _tell("column", **fields).from_(step("cells", "c")).group_by(column("i", "c"))


def _changed_cells() -> exp.Select:
    """Samples of changed values: per column the farthest apart first, those beyond a tolerance before the others."""
    order = [
        ordered(column("near", "c")),
        ordered(exp.Coalesce(this=column("delta", "c"), expressions=[number(-1)]), desc=True),
        ordered(column("key", "c")),
        ordered(column("nth", "c")),
    ]
    place = exp.Window(this=call("ROW_NUMBER"), partition_by=[column("i", "c")], order=exp.Order(expressions=order))
    ranked = exp.select("c.*", named(place, "place")).from_(step("cells", "c"))
    fields = {
        "i": column("i", "q"),
        "s": column("key", "q"),
        "a": _shortened(column("a", "q")),
        "b": _shortened(column("b", "q")),
        "n": column("place", "q"),
        "m": choose(column("near", "q"), number(1), number(0)),
    }
    few = exp.LTE(this=column("place", "q"), expression=number(SAMPLES))
    return _tell("cell", **fields).from_(ranked.subquery("q")).where(few)
