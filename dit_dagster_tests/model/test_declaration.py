"""A defs.yaml that is wrong is one line: the file, the field, what is wrong and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dit_dagster.errors import BadDeclaration, UnknownName, UsageError
from dit_dagster.model.pipeline import COMPONENT, Pipeline, parse_pipeline, read_pipeline
from dit_dagster_tests.builders import a_pipeline, declared

STEP = declared()["steps"][0]
BF = {"phases": [{"from": "start", "to": "end"}]}
OUTAGE = {"from": "end-8", "to": "end-5", "sources": ["trips"]}


def test_the_smallest_declaration_is_enough() -> None:
    """Everything that has a sensible default has one."""
    smallest = a_pipeline(tail=None, lookback=None, mutations=None, owns_to_end=None)

    assert (smallest.tail, smallest.lookback, smallest.default_modes) == (3, 1, ("bf", "bfd", "bftruncate"))


KEYS = {"source": "trips", "key": "v"}
WRONG = [
    pytest.param({"name": None}, "name: Field required", id="no name"),
    pytest.param({"name": "Trips-2"}, "name: 'Trips-2' is not a pipeline's name; use up to 40", id="a bad name"),
    pytest.param(
        {"sources": {"trips": {"table": "raw.trips"}}, "cohorts": {"dense": {"rows_per_day": 5}}},
        "cohorts.dense.rows_per_day: no source declares its day, so that nothing would be counted",
        id="rows per day of no day",
    ),
    pytest.param({"colour": "red"}, "colour: unknown field; allowed: code, cohorts, container", id="an unknown field"),
    pytest.param({"steps": []}, "steps: ", id="no step"),
    pytest.param({"outputs": {}}, "outputs: ", id="no output"),
    pytest.param({"sources": {}}, "sources: ", id="no source"),
    pytest.param({"tail": 0}, "tail: Input should be greater than or equal to 1", id="no tail"),
    pytest.param({"tail": "four"}, "tail: Input should be a valid integer", id="a tail in words"),
    pytest.param({"window": {"start": "soon", "end": "2014-01-01"}}, "window.start: ", id="no date"),
    pytest.param({"window": {"start": "2013-01-01"}}, "window.end: Field required", id="half a window"),
    pytest.param({"sources": {"trips": {}}}, "sources.trips.table: Field required", id="a source without table"),
    pytest.param(
        {"sources": {"trips": {"table": "a.b", "days": "x"}}},
        "sources.trips.days: unknown field; allowed: day, table, where",
        id="a misspelled field of a source",
    ),
    pytest.param({"sources": {"Trips": {"table": "a.b"}}}, "sources.Trips", id="a source's bad name"),
    pytest.param(
        {"steps": [{**STEP, "dates": "open"}]},
        "steps.0.dates: Input should be 'half_open' or 'inclusive'",
        id="dates of another kind",
    ),
    pytest.param({"steps": [{**STEP, "window": "all"}]}, "'phase' or 'from_start'", id="a window of another kind"),
    pytest.param(
        {"steps": [{**STEP, "retries": 3}]}, "steps.0.retries: unknown field; allowed: beam, command", id="retries"
    ),
    pytest.param({"code": {"packages": ["a b"]}}, "code.packages: 'a b' names no package", id="no package"),
    pytest.param(
        {"code": {"packages": ["a @ https://b.example/a.whl"]}}, "not fetched from an address", id="an address"
    ),
    pytest.param({"steps": [{"name": "x", "command": []}]}, "steps.0.command: ", id="an empty command"),
    pytest.param({"steps": [STEP, STEP]}, "steps: two steps have one name", id="two steps of one name"),
    pytest.param(
        {"steps": [{**STEP, "command": ["x", "{source.trip}"]}]},
        "steps.count: no placeholder {source.trip}; allowed: dataset, end, labels, prefix, project, source.trips",
        id="a misspelled placeholder",
    ),
    pytest.param(
        {"steps": [{**STEP, "beam": {"worker_image": "gaps:{comit}"}}]},
        "steps.count.beam: no placeholder {comit}; allowed: commit, dataset, end",
        id="a misspelled placeholder of Beam's options",
    ),
    pytest.param(
        {"steps": [{**STEP, "beam": {"flags": {"labels": None, "job_name": None}}}]},
        "steps.count.beam.flags: of labels and job_name one must be passed; a job is found by it",
        id="nothing by which a job would be found",
    ),
    pytest.param(
        {"steps": [{**STEP, "beam": {"image": "gaps"}}]},
        "steps.0.beam.image: unknown field; allowed: flags, max_workers, project",
        id="an option that Beam does not get",
    ),
    pytest.param(
        {"steps": [{**STEP, "beam": {"flags": {"region": "region"}}}]},
        "steps.0.beam.flags.region: String should match pattern",
        id="an option's name without dashes",
    ),
    pytest.param({"steps": [{**STEP, "command": ["x", "{}"]}]}, "steps.count: no placeholder {}", id="no name"),
    pytest.param({"steps": [{**STEP, "command": ["x", "{start"]}]}, "'{start' is not a template", id="an open brace"),
    pytest.param(
        {"steps": [{**STEP, "environment": {"A": "{secret}"}}]}, "no placeholder {secret}", id="in the environment"
    ),
    pytest.param(
        {"steps": [{**STEP, "labels": ["--label", "{name}={value}"]}]},
        "steps.count.labels: no placeholder {name}; allowed: key, value",
        id="in the labels",
    ),
    pytest.param(
        {"outputs": {"daily": {"key": ["x"]}}}, "outputs.daily.key: unknown field; allowed: ", id="key for keys"
    ),
    pytest.param({"outputs": {"daily": {"view": "last"}}}, "a view's name starts with {table}", id="a view of its own"),
    pytest.param({"outputs": {"daily": {"columns": {"x": "roughly"}}}}, "outputs.daily.columns.x: ", id="a policy"),
    pytest.param(
        {"outputs": {"daily": {"columns": {"x": {"tolerance": {"abs": -1}}}}}}, "outputs.daily.columns.x", id="below 0"
    ),
    pytest.param({"outputs": {"daily": {"ignore": {"x": " "}}}}, "every ignored column needs a reason", id="no reason"),
    pytest.param(
        {"outputs": {"daily": {"keys": ["x"], "ignore": {"x": "r"}}}},
        "x: ignored, and used as a key",
        id="both",
    ),
    pytest.param({"intermediates": ["daily"]}, "intermediates: daily is an output as well", id="twice a table"),
    pytest.param({"reference": "bff"}, "no mode 'bff'; there are bf, bfd", id="an unknown reference"),
    pytest.param({"default_modes": ["bf", "nope"]}, "no mode 'nope'; there are bf", id="an unknown default"),
    pytest.param({"default_modes": ["bf", "bf"]}, "default_modes: a mode stands there twice", id="a default twice"),
    pytest.param({"modes": {"x": {"phases": []}}}, "modes.x.phases: ", id="a mode without phases"),
    pytest.param(
        {"modes": {"x": {"phases": [{"from": "begin", "to": "end"}]}}},
        "'begin' is not a moment; write start",
        id="a moment",
    ),
    pytest.param(
        {"modes": {"x": {"phases": [{"from": "start", "to": "end", "mutation": "m"}]}}},
        "modes.x: no mutation 'm'; there are mutate_recover",
        id="an unknown mutation",
    ),
    pytest.param({"modes": {"x": {**BF, "compared_with": "y"}}}, "modes.x.compared_with: no mode 'y'", id="with whom"),
    pytest.param(
        {"modes": {"x": {**BF, "compared_with": "x"}}}, "modes.x.compared_with: a mode equals itself", id="with itself"
    ),
    pytest.param(
        {"modes": {"x": {"phases": [{"from": "outage_start", "to": "end"}]}}}, "speaks of an outage", id="no outage"
    ),
    pytest.param({"outage": {**OUTAGE, "sources": ["ships"]}}, "outage.sources: 'ships' must be", id="outage of what"),
    pytest.param(
        {"outage": {**OUTAGE, "from": "outage_start"}},
        "outage.from: 'outage_start' speaks of itself; write start or end",
        id="in a circle",
    ),
    pytest.param(
        {"mutations": {"m": {"drop_rows": {"source": "ships", "where": "TRUE"}}}},
        "mutations.m.source: no source 'ships'; there are trips",
        id="a mutation of nothing",
    ),
    pytest.param({"mutations": {"m": {"shuffle": {"source": "trips"}}}}, "mutations.m: ", id="no such mutation"),
    pytest.param(
        {"mutations": {"m": {"restrict_keys": {"source": "trips", "key": "v"}}}},
        "restrict_keys takes exactly one of keys, share, chosen_by",
        id="keys from nowhere",
    ),
    pytest.param(
        {"mutations": {"m": {"restrict_keys": {"source": "trips", "key": "v", "share": 1.5}}}},
        "share",
        id="more than all",
    ),
    pytest.param(
        {"mutations": {"m": {"restrict_keys": {"source": "trips", "key": "v", "chosen_by": {"output": "o"}}}}},
        "mutations.m.chosen_by.output: no output 'o'",
        id="keys of no output",
    ),
    pytest.param(
        {"mutations": {"m": {"restrict_keys": {**KEYS, "chosen_by": {"output": "daily", "where": "day < {end-X}"}}}}},
        "mutations.m.chosen_by.where: {end-X} is not a moment, such as {end-T}",
        id="keys of no day",
    ),
    pytest.param(
        {
            "mutations": {
                "m": {"restrict_keys": {**KEYS, "chosen_by": {"output": "daily", "where": "{outage_end} > day"}}}
            }
        },
        "mutations.m.chosen_by.where: {outage_end} is not a moment",
        id="keys of no outage",
    ),
    pytest.param(
        {"versions": [{"has": "a.py", "lacks": "b.py", "commands": {"count": ["x"]}}]},
        "versions.0: a version is told by exactly one of has and lacks",
        id="a version told twice",
    ),
    pytest.param(
        {"versions": [{"has": "a.py", "commands": {"tally": ["x"]}}]},
        "versions.0.commands: no step 'tally'; there are count",
        id="a version of no step",
    ),
    pytest.param(
        {"versions": [{"has": "a.py", "commands": {"count": ["x", "{day}"]}}]},
        "versions.0.commands.count: no placeholder {day}",
        id="a version's misspelled placeholder",
    ),
    pytest.param(
        {"outputs": {"daily": {"sharded": "on", "view": "{table}_last"}}},
        "outputs.daily: sharded tables are compared as a view of their own",
        id="shards and a view",
    ),
    pytest.param({"parameters": {"x": float("nan")}}, "parameters.x", id="a parameter that is no number"),
    pytest.param({"parameters": {"x": [1]}}, "parameters.x", id="a list as parameter"),
    pytest.param({"sharing": "sometimes"}, "sharing: Input should be 'on' or 'off'", id="sharing"),
]


@pytest.mark.parametrize(("changes", "said"), WRONG)
def test_a_wrong_declaration_names_field_and_remedy(changes: Mapping[str, Any], said: str) -> None:
    """One line that begins with the file."""
    with pytest.raises(BadDeclaration) as caught:
        parse_pipeline(declared(**changes), where="pipelines/trips/defs.yaml")

    message = str(caught.value)
    assert message.startswith("pipelines/trips/defs.yaml: ")
    assert said in message
    assert "\n" not in message


def written(folder: Path, text: str) -> Path:
    file = folder / "defs.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def document(**changes: Any) -> str:
    return yaml.safe_dump({"type": COMPONENT, "attributes": declared(**changes)})


def test_a_file_is_read_as_it_is_declared(tmp_path: Path) -> None:
    """The file and the attributes are one pipeline."""
    assert read_pipeline(written(tmp_path, document())) == a_pipeline()


WRONG_FILES = [
    pytest.param("type: [", "cannot be read", id="no YAML"),
    pytest.param("", "type must be dit_dagster.MultiModePipeline", id="empty"),
    pytest.param("- a\n- b\n", "type must be", id="a list"),
    pytest.param("type: other.Component\n", "type must be", id="another component"),
    pytest.param(
        document() + "requirements: 1\n", "unknown field 'requirements'; allowed: type, attributes", id="beside"
    ),
    pytest.param(f"type: {COMPONENT}\n", "name: Field required", id="no attributes"),
    pytest.param(f"type: {COMPONENT}\nattributes: [1]\n", "attributes: ", id="attributes in a list"),
    pytest.param(document() + f"type: {COMPONENT}\n", "'type' stands twice", id="a field twice"),
    pytest.param(
        document().replace("    daily:", "    daily: {keys: [day]}\n    daily:"),
        "'daily' stands twice",
        id="an output twice",
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG_FILES)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    """Whatever is wrong with a file, the message begins with its path. A second output of a name is not lost."""
    file = written(tmp_path, text)

    with pytest.raises(BadDeclaration) as caught:
        read_pipeline(file)

    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The same for a file that cannot be opened."""
    with pytest.raises(BadDeclaration, match="cannot be read"):
        read_pipeline(tmp_path / "defs.yaml")


@pytest.mark.parametrize(("word", "meant"), [("off", "off"), ("on", "on"), ("'off'", "off")])
def test_on_and_off_need_no_quotes(tmp_path: Path, word: str, meant: str) -> None:
    """YAML reads a bare `off` as false; it is taken as it was meant."""
    file = written(tmp_path, document().replace("type:", f"  sharing: {word}\ntype:"))

    assert read_pipeline(file).sharing == meant


def test_a_bad_declaration_is_a_wrong_use() -> None:
    """The command ends with exit code 2 on it, before it does anything."""
    assert issubclass(BadDeclaration, UsageError)


def test_placeholders_are_all_that_a_command_may_say() -> None:
    """Dates, places, and each source, table and parameter by name."""
    pipeline = a_pipeline(parameters={"hours": 48}, intermediates=["shards"])

    assert pipeline.placeholders() == {
        *("start", "end", "project", "dataset", "prefix", "labels"),
        *("source.trips", "table.daily", "table.shards", "parameter.hours"),
    }


@pytest.mark.parametrize(
    ("changes", "modes"),
    [
        pytest.param({}, ["bf", "bfd", "bftruncate", "mutate_recover", "repeat"], id="with a mutation"),
        pytest.param({"mutations": None}, ["bf", "bfd", "bftruncate", "repeat"], id="without"),
        pytest.param(
            {"mutations": None, "outage": OUTAGE}, ["bf", "bfd", "bftruncate", "outage_recovery", "repeat"], id="outage"
        ),
        pytest.param(
            {"mutations": None, "modes": {"x": BF}}, ["bf", "bfd", "bftruncate", "repeat", "x"], id="one of its own"
        ),
    ],
)
def test_a_pipeline_has_the_modes_that_it_has_what_it_takes_for(changes: Mapping[str, Any], modes: list[str]) -> None:
    """In the order in which they are compared and reported."""
    assert list(a_pipeline(**changes).available_modes) == modes


def test_trap_17_an_unknown_mode_lists_the_known_ones() -> None:
    """Trap 17: the message repeats what was asked for and says what there is."""
    pipeline: Pipeline = a_pipeline()

    with pytest.raises(UnknownName, match="unknown mode 'bdf' in --modes; trips has bf, bfd, bftruncate, mutate_rec"):
        pipeline.mode("bdf")


def test_an_output_is_compared_by_its_policy_alone() -> None:
    """Where its rows lie is not part of what equal means."""
    output = a_pipeline(outputs={"daily": {"keys": ["day"], "view": "{table}_last"}}).outputs["daily"]

    assert "view" not in output.policy.model_dump()
    assert output.policy.keys == ("day",)


OLD, NEW = ("old", "{start}"), ("new", "{start}")


@pytest.mark.parametrize(
    ("tree", "command"),
    [
        pytest.param({"new.py"}, NEW, id="has"),
        pytest.param({"cli.py"}, ("count",), id="none fits"),
        pytest.param(set(), OLD, id="lacks"),
        pytest.param({"new.py", "cli.py"}, NEW, id="the first that fits"),
    ],
)
def test_commands_are_those_of_the_trees_version(tree: set[str], command: tuple[str, ...]) -> None:
    """A tree is told by a path that it has or lacks; what a version does not name stays as declared."""
    step = {"name": "count", "command": ["count"], "dates": "inclusive"}
    versions = [{"has": "new.py", "commands": {"count": NEW}}, {"lacks": "cli.py", "commands": {"count": OLD}}]

    pipeline = a_pipeline(steps=[step], versions=versions).of_tree(tree.__contains__)

    assert [(one.command, one.dates) for one in pipeline.steps] == [(command, "inclusive")]
    assert pipeline.versions == ()
