# make setup   install into .venv (nothing else on the machine is touched)
# make demo    the sample pipeline's good commit and three bugs, judged on real data
# make test    the tests
# make check   what CI runs: lint, types, tests with a coverage floor, docs
# make ui      Dagster's UI, with the sample pipeline
# make bench   times, as ratios within one run
# make bench-compare  comparisons beside those of datacompy, SQLMesh and reladiff: long
# make bench-registry  the registry with 10,000 to 1,000,000 phases
# make history every commit of the sample through every mode: some minutes
# make crash   a run is killed 200 times, at random moments: an hour
# make faults  50 runs through a proxy that breaks connections and loses answers
# make race    eight processes start one experiment at once
# make machine 50 histories of changes, damage and kills; each run does what was foretold: long
# make containers  steps in containers, the sample pipeline among them; needs dockerd and root
# make beam    the sample in Beam, in a process and on the local Dataflow: minutes
# make pulls   pull requests under the daemon of Dagster, end to end: minutes
# make bisect  each bug of the sample's history is found among 64 commits: minutes
# make fuzz    10,000 pairs of tables against an oracle: long
# make hunt    families of 2 million rows each, hashed without a collision: long
# make adoption  docs/pipelines/adoption.md, from what dit contract found
# make clean   stop the local cloud and remove what runs left behind

SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
# One worker per core: the tests wait for the local cloud, which is one process.
WORKERS ?= 2
TESTS = $(BIN)/pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder
COVERAGE_FLOOR := 80
PAIRS ?= 10000
HUNT_ROWS ?= 2000000
KILLS ?= 200

.PHONY: adoption setup demo test check lint types docs ui bench bench-compare bench-registry history bisect pulls fuzz hunt crash faults race containers machine beam clean lock

setup: .venv/complete

.venv/complete: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --editable .
	# Once, here: where Python may not write bytecode, every start would compile the client anew, which takes seconds.
	$(BIN)/python -m compileall -q -j 0 .venv/lib dit_dagster > /dev/null || true
	touch $@

demo: setup
	$(BIN)/dit demo

test: setup
	$(TESTS)

# Machines are shared: what fails beside the others is run once more, alone, and both outcomes are told. Failing twice fails.
check: setup lint types docs
	$(TESTS) --cov --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE_FLOOR) || { \
	  [ $$? -eq 1 ] && echo "Once more, alone:" && $(BIN)/pytest -q --last-failed --last-failed-no-failures none && \
	  $(BIN)/coverage report --fail-under=$(COVERAGE_FLOOR) > /dev/null; }

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

ui: setup
	mkdir -p .dagster_home && cp -n dagster.yaml .dagster_home/ || true
	DAGSTER_HOME=$(CURDIR)/.dagster_home $(BIN)/dagster instance migrate
	DAGSTER_HOME=$(CURDIR)/.dagster_home $(BIN)/dagster dev -w workspace.yaml

bench: setup
	$(BIN)/python -m dit_dagster_tests.bench

bench-compare: setup
	$(BIN)/python -m dit_dagster_tests.bench_compare $(BENCH_OPTIONS)

bench-registry: setup
	$(BIN)/python -m dit_dagster_tests.bench_registry $(BENCH_OPTIONS)

history: setup
	$(BIN)/dit demo --all

crash: setup
	DIT_KILLS=$(KILLS) $(BIN)/pytest -q dit_dagster_tests/campaigns/test_crash.py

faults: setup
	DIT_FAULTY_RUNS=50 $(BIN)/pytest -q dit_dagster_tests/campaigns/test_faults.py

race: setup
	DIT_RACERS=8 $(BIN)/pytest -q dit_dagster_tests/campaigns/test_race.py

containers: setup
	$(BIN)/pytest -q dit_dagster_tests/containers dit_dagster_tests/campaigns/sample_in_containers.py dit_dagster_tests/scenarios/test_containers.py

machine: setup
	DIT_MACHINE_EXAMPLES=50 $(BIN)/pytest -q dit_dagster_tests/campaigns/test_machine.py

beam: setup
	$(BIN)/pytest -q dit_dagster_tests/campaigns/beam_sample.py

pulls: setup
	$(BIN)/python -m dit_dagster_tests.campaigns.pulls_under_daemon

bisect: setup
	$(BIN)/pytest -q dit_dagster_tests/campaigns/bisect_sample.py

fuzz: setup
	DIT_FUZZ_PAIRS=$(PAIRS) $(BIN)/pytest -q -n $(WORKERS) dit_dagster_tests/comparing/test_against_oracle.py

hunt: setup
	DIT_HUNT_ROWS=$(HUNT_ROWS) $(BIN)/pytest -q dit_dagster_tests/comparing/test_hunt.py

adoption: setup
	{ printf '# Who keeps which promise\n\nMade by `make adoption` from what `dit contract` found; [what is checked](contract.md).\n\n'; \
	  $(BIN)/dit contract; } > .adoption.md && mv .adoption.md docs/pipelines/adoption.md

lock:
	uv pip compile --quiet --generate-hashes --extra dev --python-version 3.11 --no-annotate --no-header \
	  --no-emit-index-url pyproject.toml --output-file requirements.lock

clean:
	[ ! -x $(BIN)/dit ] || $(BIN)/dit local down
	rm -rf .dit .dagster_home .pytest_cache .mypy_cache .ruff_cache .coverage* site build
