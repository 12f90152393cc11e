"""MOD and DIV keep their place in a larger expression, and larger expressions theirs in them.

BigQuery: `1000 * MOD(7, 4)` is 3000, and `DIV(2 + 1, 2)` is 1.
Emulator: MOD becomes `%` and DIV becomes `//` without parentheses, so that it is 1000 * 7 % 4, which is 0, and
2 + 1 // 2, which is 2, silently.
Here: in parentheses, and so are their operands.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch


def apply() -> None:
    """Before the first statement is generated: sqlglot collects these once."""
    from sqlglot import exp
    from sqlglot.generators.duckdb import DuckDBGenerator

    for kind in (exp.IntDiv, exp.Mod):
        DuckDBGenerator.TRANSFORMS[kind] = _in_parentheses(DuckDBGenerator.TRANSFORMS.get(kind, _remainder))


PATCH = Patch(name="arithmetic", apply=apply)


def _in_parentheses(original: Any) -> Any:
    from sqlglot import exp

    def generated(generator: Any, node: Any) -> str:
        own = node.copy()
        for name in ("this", "expression"):
            if isinstance(own.args[name], exp.Binary):
                own.set(name, exp.Paren(this=own.args[name]))
        return f"({original(generator, own)})"

    return generated


def _remainder(generator: Any, node: Any) -> str:
    return str(generator.binary(node, "%"))
