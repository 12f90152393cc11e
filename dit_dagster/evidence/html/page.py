"""The pages: parts put together, and their templates filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dit_dagster.evidence.crossing import in_modes, shown_of_diff
from dit_dagster.evidence.html.comparison import Section, section
from dit_dagster.evidence.html.facts import facts
from dit_dagster.evidence.html.lanes import picture
from dit_dagster.evidence.html.matrix import headline, matrix, target
from dit_dagster.evidence.html.policies import policies, policy
from dit_dagster.evidence.html.tree import tree
from dit_dagster.evidence.html.words import SIGNS, short


def run_page(report: Mapping[str, Any], *, compiled: Path | None = None) -> str:
    """The page of a run, from its report as JSON (`report_json`, or what the registry recorded).

    `compiled` is a folder in which compiled templates may be kept: compiling them takes longer than all the rest.
    """
    phases = tree(report)
    sections = [(target(place), _of_run(one, report)) for place, one in enumerate(report["comparisons"], 1)]
    return _filled(
        "run.html.j2",
        compiled,
        report=report,
        commit=short(report["commit"]),
        headline=headline(report),
        matrix=matrix(report),
        classes=[
            (output, group) for output, groups in (report.get("classes") or {}).items() for group in groups if group[1:]
        ],
        phases=phases,
        picture=picture(phases),
        wrong=[(anchor, each) for anchor, each in sections if each.outcome != "pass"],
        passed=[(anchor, each) for anchor, each in sections if each.outcome == "pass"],
        base=report.get("against"),
        changes=_changes(report),
        policies=policies(report),
        facts=facts(report),
    )


def _changes(report: Mapping[str, Any]) -> list[tuple[str, str, Section]]:
    """What the commit changes against another: an anchor, the modes of which the same is to be said, and what."""
    alike = in_modes((report.get("against") or {}).get("comparisons", ()))
    return [
        (f"change-{place}", ", ".join(modes), section(one, report["window"]))
        for place, (modes, one) in enumerate(alike, 1)
    ]


def diff_page(diff: Mapping[str, Any], *, compiled: Path | None = None) -> str:
    """The page of versions against one another, from `diff_json`."""
    alike = in_modes(diff["comparisons"])
    return _filled(
        "diff.html.j2",
        compiled,
        diff=diff,
        outcome=shown_of_diff(diff),
        sign=SIGNS[shown_of_diff(diff)],
        sections=[
            (f"change-{place}", ", ".join(modes), section(one, diff["window"]))
            for place, (modes, one) in enumerate(alike, 1)
        ],
    )


def comparison_page(comparison: Mapping[str, Any], *, compiled: Path | None = None) -> str:
    """The page of one comparison, from its JSON (`comparison_json` or `compared_json`)."""
    return _filled(
        "comparison.html.j2",
        compiled,
        section=section(comparison),
        policy=policy(comparison),
    )


def _of_run(comparison: Mapping[str, Any], report: Mapping[str, Any]) -> Section:
    phases = [mode["phases"] for mode in report["modes"] if mode["mode"] == comparison["right"]]
    starts = [phase["start"] for path in phases for phase in path]
    return section(comparison, report["window"], starts)


def _filled(template: str, compiled: Path | None, **parts: Any) -> str:
    return _templates(compiled).get_template(template).render(**parts)


def _visible(value: Any) -> Any:
    """Signs that hide, turn the text around them, or control a terminal, as their code points, wherever they are."""
    return value.translate(_SPELLED) if isinstance(value, str) else value


_HIDDEN = (0x061C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SPELLED = {point: f"U+{point:04X}" for point in (*range(9), 11, 12, *range(14, 32), *range(0x7F, 0xA0), *_HIDDEN)}


def _breakable(name: str) -> Markup:
    """A name that may be broken after a sign between its parts, rather than anywhere."""
    return Markup(_PARTS.sub(r"\1<wbr>", str(escape(_visible(name)))))  # noqa: S704  # escaped just here


_PARTS = re.compile(r"([_.\]])(?=.)")


@cache
def _templates(compiled: Path | None) -> Environment:
    """Every value is escaped, and a name that a part does not have is an error rather than nothing."""
    templates = Environment(
        loader=PackageLoader("dit_dagster.evidence.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        bytecode_cache=FileSystemBytecodeCache(str(compiled)) if compiled is not None else None,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["signs"] = SIGNS
    templates.filters["breakable"] = _breakable
    return templates
