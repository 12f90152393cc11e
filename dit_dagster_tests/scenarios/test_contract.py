"""A contract is checked on the program: what it breaks is found, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from dit_dagster import api, ensure_worker_image
from dit_dagster.evidence.contract import adoption, adoption_matrix
from dit_dagster.model.contract import ContractReport, Kept, Promise
from dit_dagster.wiring import registry
from dit_dagster_tests.containers.engine import BASE, Engine
from dit_dagster_tests.scenarios.bench import GOOD, PROGRAM, Bench, sql

STRICT = PROGRAM.replace("start, end", "if len(sys.argv) != 5:\n    sys.exit('wrong use')\nstart, end", 1)
CARELESS = PROGRAM.replace("sys.exit(error.read().decode())", "print(error.read().decode())")
BAD = sql(delete="", where="DATE(seen) >= '{start}' AND DATE(seen) <= '{end}'")
"""It appends, and takes its end date for its last day."""

UNSEEN = {Promise.TEMPORARY_DATASET, Promise.BEAM_OPTIONS, Promise.WORKER_IMAGE, Promise.COMMIT_IN_IMAGE}
"""Of a program without Beam, in a process."""

ABLE = """
options = sys.argv[5:]
if options not in ([], ["--dry-run"]) and (len(options) != 2 or options[0] != "--vessels"):
    sys.exit("wrong use")
if "--dry-run" in options:
    sys.exit(0)
if "--vessels" in options:
    listed = ", ".join(repr(name) for name in options[1].split(","))
    sql = sql.replace("FROM `{visits}` WHERE".format(visits=visits), f"FROM `{visits}` WHERE vessel IN ({listed}) AND")
place ="""
SURE = PROGRAM.replace("\nplace =", ABLE, 1)
"""It can be confined to some vessels, and can say what it would do."""

OPTIONS = {
    "key_filter": {"arguments": {"count": ["--vessels", "{keys}"]}, "columns": {"daily": "vessel"}},
    "dry_run": {"count": ["--dry-run"]},
}


def checked(bench: Bench, program: str, script: str) -> ContractReport:
    return contract_of(bench, bench.commit(script, program=program))


def contract_of(bench: Bench, commit: str) -> ContractReport:
    start, end = date(2024, 1, 1), date(2024, 1, 8)
    return api.contract("visits", commit=commit, settings=bench.settings, start=start, end=end)


def because(report: ContractReport) -> Mapping[str, str]:
    return {one["promise"]: f"{one['finding']}: {one['because']}" for one in report.to_json()["promises"]}


def test_a_program_that_keeps_its_promises_is_told_so(bench: Bench) -> None:
    """Everything that can be seen of a process is kept, and the matrix shows it."""
    bench.declare(contract=OPTIONS)
    report = checked(bench, SURE, GOOD)

    assert because(report)["key_filter"].startswith("kept: of v1, v2 it leaves")
    assert {promise for promise, finding in report.findings.items() if not isinstance(finding, Kept)} == UNSEEN
    [row] = adoption(registry(bench.settings), ["visits"])
    matrix = adoption_matrix([row])
    assert "| 1 | works on exactly the days that it is told | ✓ |" in matrix
    assert "| 12 | can say what it would do | ✓ |" in matrix
    assert "| 17 | its image says which commit it holds | ? |" in matrix


def test_a_program_that_breaks_promises_is_told_which(bench: Bench) -> None:
    """It appends, reads a day too much, ignores what it does not know, and says that all is well when it is not."""
    report = checked(bench, CARELESS, BAD)

    assert set(report.broken) == {
        *(Promise.DATES, Promise.EXIT_CODE, Promise.UNKNOWN_OPTION, Promise.TWICE, Promise.OVERLAPPING),
    }
    said = because(report)
    assert said["dates"] == (
        "broken: without 2024-01-08 in its input it leaves something else: it reads beyond its end date"
    )
    assert (
        because(report)["exit_code"] == "broken: 0, though visits is not there, and it left something else than with it"
    )


def test_trap_48_a_program_that_cannot_start_from_nothing_is_told_that_alone(bench: Bench) -> None:
    """Trap 48: of the rest nothing is known."""
    report = checked(bench, STRICT, "".join(GOOD.splitlines(keepends=True)[2:]))

    assert report.broken == (Promise.EMPTY_DESTINATION,)
    assert not any(isinstance(finding, Kept) for finding in report.findings.values())


def test_the_matrix_names_no_place_of_a_machine() -> None:
    """What a program says of its files names them where they lay when it ran."""
    said = 'File "/home/x/.dit/working/9b69-opw3/tree/pipeline/readers.py", line 3'
    finding = {"number": 6, "promise": "labels", "finding": "broken", "because": said}
    row = {"pipeline": "v", "commit": "c" * 40, "window": ["a", "b"], "warehouse": "local", "promises": [finding]}

    assert '- 6 labels: broken: File "pipeline/readers.py", line 3' in adoption_matrix([row])


def test_a_pipeline_that_was_never_checked_has_an_empty_column() -> None:
    """No sign is better than one that nothing stands behind."""
    matrix = adoption_matrix([{"pipeline": "visits", "promises": []}])

    assert "| 1 | works on exactly the days that it is told |  |" in matrix


BLIND = SURE.replace("options[1].split", "'v1,v2,v3,v4'.split").replace('if "--dry-run" in options', "if False")
"""It takes both options, and does nothing with them."""

ELSEWHERE = SURE.replace("os.environ['GOOGLE_CLOUD_PROJECT']", "'ditlocal'")
"""It has made up its mind about the project."""

CUT_SHORT = SURE.replace("    listed =", "    sql = sql.replace('COUNT(*)', '1')\n    listed =")
"""Confined to some vessels it counts otherwise."""


def test_options_without_effect_are_found(bench: Bench) -> None:
    """Rows of other keys, tables in a dry run, jobs in another project than the one that it was told."""
    bench.declare(contract=OPTIONS)
    blind, elsewhere = because(checked(bench, BLIND, GOOD)), because(checked(bench, ELSEWHERE, GOOD))
    short = because(checked(bench, CUT_SHORT, GOOD))

    assert blind["key_filter"].startswith("broken: daily holds ")
    assert "rows of other keys than v1, v2" in blind["key_filter"]
    assert blind["dry_run"] == "broken: it wrote what it writes otherwise"
    assert elsewhere["project"] == (
        "broken: step 'count' ran to its end, though it was told of dit-no-such-project, which there is not"
    )
    assert short["key_filter"] == "broken: daily holds other rows of v1, v2 than without a filter"


def test_what_is_not_declared_is_not_checked(bench: Bench) -> None:
    """And the finding says what to declare."""
    found = because(checked(bench, STRICT, GOOD))

    assert found["key_filter"] == "not checked: the declaration does not say how, in contract.key_filter"
    assert found["dry_run"] == "not checked: the declaration does not say how, in contract.dry_run"
    assert found["project"] == "kept: every step failed for want of dit-no-such-project"


def test_labels_within_a_command_can_be_none(bench: Bench) -> None:
    """The argument is there, and holds none; a program that wants one is told."""
    step = bench.declaration["steps"][0]
    bench.declare(steps=[{**step, "command": [*step["command"], "{labels}"]}])
    tolerant = STRICT.replace("!= 5", "!= 6").replace("import json", "import json", 1)
    strict = tolerant.replace("start, end", "if not json.loads(sys.argv[5]):\n    sys.exit('no labels')\nstart, end", 1)

    assert because(checked(bench, tolerant, GOOD))["labels"] == "kept: it ran with none in them"
    assert because(checked(bench, strict, GOOD))["labels"].startswith("broken: ")


OF_TREE = {"recipe": f"FROM {BASE}\nWORKDIR /program\nCOPY . .\n"}


@pytest.fixture
def held(bench: Bench, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The tests' engine, where the steps run in what is built of the tree."""
    monkeypatch.setenv("DOCKER_HOST", engine.variables["DOCKER_HOST"])
    bench.declare(container=OF_TREE, runner="docker")
    return engine


def test_an_image_that_was_built_here_is_the_commits(bench: Bench, held: Engine) -> None:
    """It is found by what it was built from."""
    found = because(checked(bench, STRICT, GOOD))

    assert found["commit_in_image"] == "kept: its label names the commit, or it was made here of its tree"
    assert found["worker_image"] == "not checked: no step ran on Dataflow; give --runner dataflow"


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        pytest.param("{commit}", "kept: its label names the commit", id="says the commit"),
        pytest.param(None, "has no label org.opencontainers.image.revision", id="says nothing"),
        pytest.param("another", "says that it was made from another, and not from", id="says another"),
    ],
)
def test_an_image_that_is_published_says_of_which_commit_it_is(
    bench: Bench, held: Engine, revision: str | None, said: str
) -> None:
    """By its label, which must be there and right."""
    commit = bench.commit(GOOD, program=STRICT)
    image = ensure_worker_image("visits", commit, settings=bench.settings)
    label = f"LABEL org.opencontainers.image.revision={revision.format(commit=commit)}" if revision else None
    container = held.api.create_container(image.name, command=["true"])
    plain = held.api.export(container["Id"])
    changes = ["WORKDIR /program", *([label] if label else [])]
    held.api.import_image_from_data(b"".join(plain), repository="visits", tag="published", changes=changes)
    held.api.remove_container(container["Id"])
    bench.declare(container={"image": "visits:published"}, runner="docker")

    assert said in because(contract_of(bench, commit))["commit_in_image"]
