"""What is told of the pairs: counts, columns, histograms, days, dimension values and samples, as rows of one shape.

Every telling is a SELECT over `pairs` or `cells` (see residue.py) with the columns of `SHAPE`; their union is one small
answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from dit_dagster.comparing.distance import distance, magnitude, near, rises
from dit_dagster.comparing.rows import Ends, Engine, row_text, unmarked
from dit_dagster.comparing.schema import Layout
from dit_dagster.comparing.sql import (
    Node,
    all_of,
    call,
    cast,
    choose,
    column,
    count,
    is_null,
    named,
    number,
    ordered,
    step,
    text,
    window,
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
    "p": "INT64",
    "q": "INT64",
    "x": "FLOAT64",
    "y": "FLOAT64",
    "z": "FLOAT64",
}


def told_of_pairs(
    layout: Layout, spelling: Engine, *, announced: bool = False, reaching: bool = False
) -> list[exp.Select]:
    """Every telling that these columns allow. The first gives the shape its types."""
    tellings = [_totals(announced=announced, reaching=reaching), _lost_rows(len(layout.leaves), spelling)]
    if layout.day:
        tellings.append(_days())
    tellings += [_values(i, spelling) for i, _ in enumerate(layout.dimensions, 1)]
    if layout.pairing:
        tellings += [_columns(), _histogram(), _changed_cells()]
    return tellings


def _tell(told: str, **fields: Node) -> exp.Select:
    values = {"told": text(told), **fields}
    return exp.select(*(named(values.get(name) or exp.Null(), name) for name in SHAPE))


def _totals(*, announced: bool, reaching: bool) -> exp.Select:
    """Per kind: how many, at a slice boundary, announced, that the left has, and of how many keys in doubt."""
    fields = {
        **{name: cast(exp.Null(), kind) for name, kind in SHAPE.items() if name != "told"},
        "s": column("kind"),
        "n": count(),
        "m": call("COUNTIF", column("touches")) if reaching else number(0),
        "o": call("COUNTIF", column("expected")) if announced else number(0),
        "i": call("COUNTIF", exp.and_(column("ambiguous"), exp.EQ(this=column("nth"), expression=number(1)))),
        "p": call("COUNTIF", exp.not_(is_null(column("lv")))),
        "x": cast(call("COUNTIF", column("ambiguous")), "FLOAT64"),
    }
    return _tell("total", **fields).from_(step("pairs", "p")).group_by(column("kind"))


def keys_of(side: int, distinct: exp.Select, *, among: str = "rows") -> exp.Select:
    """How many keys a side has, `among` all its rows or among the suspects."""
    return _tell("keys", i=number(side), s=text(among), n=count()).from_(distinct.subquery("g"))


def sums_of(net: Sequence[Node]) -> exp.Select:
    """Aggregates over the rows in surplus, each a STRING."""
    return _tell("sums", s=row_text(net)).from_(step("net", "n"))


def _different() -> Node:
    return exp.NEQ(this=column("kind"), expression=text("near"))


def _days() -> exp.Select:
    grouped = (
        exp.select(named(cast(column("day"), "STRING"), "d"), named(count(), "n"))
        .from_(step("pairs", "p"))
        .where(all_of([_different(), exp.not_(is_null(column("day")))]))
        .group_by(column("day"))
        .order_by(ordered(column("day")))
        .limit(MOST_DAYS)
    )
    return _tell("day", s=column("d"), n=column("n")).from_(grouped.subquery("g"))


def _values(i: int, spelling: Engine) -> exp.Select:
    """The values of one dimension that hold most differences."""
    grouped = (
        exp.select(named(spelling.element(column("m"), number(i)), "v"), named(count(), "n"))
        .from_(step("pairs", "p"))
        .where(_different())
        .group_by(column("v"))
        .order_by(ordered(column("n"), desc=True), ordered(column("v")))
        .limit(MOST_VALUES)
    )
    return _tell("value", i=number(i - 1), s=column("v"), n=column("n")).from_(grouped.subquery("g"))


def _lost_rows(columns: int, spelling: Engine) -> exp.Select:
    """Samples of rows that stayed alone: the whole row as text, under the side that has it."""
    alone = exp.In(this=column("kind"), expressions=[text("only_left"), text("only_right"), text("multiplicity")])
    place = window(call("ROW_NUMBER"), by=[column("kind")], order=[ordered(column("key")), ordered(column("nth"))])
    ranked = exp.select("*", named(place, "place")).from_(step("pairs", "p")).where(alone)
    fields = {
        "i": column("place"),
        "s": column("key"),
        "a": choose(is_null(column("lv")), exp.Null(), _short_row("lv", columns, spelling)),
        "b": choose(is_null(column("rv")), exp.Null(), _short_row("rv", columns, spelling)),
    }
    few = exp.LTE(this=column("place"), expression=number(SAMPLES))
    return _tell("row", **fields).from_(ranked.subquery("q")).where(few)


def _short_row(values: str, columns: int, spelling: Engine) -> Node:
    """Places are counted rather than taken from WITH OFFSET, which the local engine applies to other names as well."""
    places = call("GENERATE_ARRAY", number(1), number(columns))
    texts = (
        exp.select(shortened(spelling.element(column(values, "q"), column("place_in_row"))))
        .from_(exp.Unnest(expressions=[places], alias=_only("place_in_row")))
        .order_by(ordered(column("place_in_row")))
    )
    return call("TO_JSON_STRING", call("ARRAY", texts))


def shortened(value: Node) -> Node:
    return call("SUBSTR", value, number(1), number(SAMPLE_CHARACTERS))


def _only(name: str) -> exp.TableAlias:
    return exp.TableAlias(columns=[exp.to_identifier(name, quoted=True)])


def cells(layout: Layout, spelling: Engine) -> exp.Select:
    """One row per differing value of a pair, in long form: its column's place from 1, both texts, their distance."""
    paired = exp.In(this=column("kind"), expressions=[text("changed"), text("near")])
    left, right = (spelling.element(column(side), column("i")) for side in ("lv", "rv"))
    places = call("GENERATE_ARRAY", number(1), number(len(layout.leaves)))
    differing = (
        exp.select(column("key"), column("nth"), column("i"), named(left, "a"), named(right, "b"))
        .from_(step("pairs", "p"))
        .join(exp.Unnest(expressions=[places], alias=_only("i")), join_type="cross")
        .where(all_of([paired, exp.NEQ(this=left.copy(), expression=right.copy())]))
    )
    ends = (unmarked(column("a")), unmarked(column("b")))
    measured = {i: each for i, each in enumerate(layout.leaves, 1) if each not in layout.keys}
    return exp.select(
        "*",
        named(distance(measured, column("i"), ends, spelling), "delta"),
        named(magnitude(ends), "size"),
        named(rises(measured, column("i"), ends, spelling), "rises"),
        named(_near(layout, ends, spelling), "near"),
    ).from_(differing.subquery("d"))


def _near(layout: Layout, ends: Ends, spelling: Engine) -> Node:
    tolerant = {i: each for i, each in enumerate(layout.leaves, 1) if each.tolerance}
    case = exp.Case()
    for i, each in tolerant.items():
        case = case.when(exp.EQ(this=column("i"), expression=number(i)), near(each, ends, spelling))
    return case.else_(exp.false()) if tolerant else exp.false()


def _columns() -> exp.Select:
    """Per column: differences beyond the tolerance, within it, against NULL, upwards, to NULL; the gaps' sizes."""
    null = exp.or_(*(exp.EQ(this=column(side), expression=text("")) for side in ("a", "b")))
    fields = {
        "i": column("i"),
        "n": call("COUNTIF", exp.not_(column("near"))),
        "m": call("COUNTIF", column("near")),
        "o": call("COUNTIF", null),
        "p": call("COUNTIF", column("rises")),
        "q": call("COUNTIF", exp.EQ(this=column("b"), expression=text(""))),
        "x": call("MAX", column("delta")),
        "y": call("AVG", column("delta")),
        "z": call("MAX", call("SAFE_DIVIDE", column("delta"), column("size"))),
    }
    return _tell("column", **fields).from_(step("cells", "c")).group_by(column("i"))


def _histogram() -> exp.Select:
    """Per column and power of ten: how many values lie that far apart. The exponent is that of the distance's size."""
    measured = exp.select(column("i"), named(_exponent(column("delta")), "e")).from_(step("cells", "c"))
    measured = measured.where(exp.GT(this=column("delta"), expression=number(0)))
    return (
        _tell("bucket", i=column("i"), m=column("e"), n=count())
        .from_(measured.subquery("g"))
        .group_by(column("i"), column("e"))
    )


def _exponent(of: Node) -> Node:
    return cast(call("FLOOR", call("LOG10", of)), "INT64")


def _changed_cells() -> exp.Select:
    """Samples of changed values: per column the farthest apart first, those beyond a tolerance before the others."""
    order = [
        ordered(column("near")),
        ordered(exp.Coalesce(this=column("delta"), expressions=[number(-1)]), desc=True),
        ordered(column("key")),
        ordered(column("nth")),
    ]
    place = window(call("ROW_NUMBER"), by=[column("i")], order=order)
    ranked = exp.select("*", named(place, "place")).from_(step("cells", "c"))
    fields = {
        "i": column("i"),
        "s": column("key"),
        "a": shortened(column("a")),
        "b": shortened(column("b")),
        "n": column("place"),
    }
    few = exp.LTE(this=column("place"), expression=number(SAMPLES))
    return _tell("cell", **fields).from_(ranked.subquery("q")).where(few)
