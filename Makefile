# Two commands on a fresh machine with python3 and make: `make demo` and `make test`.
# Everything runs in .venv, which is made from the hash-locked requirements/dev.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := aura_stream connectors tests benchmarks examples tools docker
FAST := tests/unit tests/property tests/golden tests/architecture
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command 'make lock'
# Percent of lines and branches; `make test` fails below.
PURE_COVERAGE := 100
OTHER_COVERAGE := 90
COVERAGE := $(BIN)/python -m coverage
# Test processes, each with a Kafka and a Redis of its own: more than cores, since many tests wait for a server that
# is away or starts again. In one process: make test PYTEST_ARGS='-n 0'
JOBS := 3

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-lowest check lint types fast fmt lock fuzz fuzz-guided bench mutants chaos soak docker-lint clean

help: ## show the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## make .venv from the lock file

$(STAMP): requirements/dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; AURA Stream needs Python 3.11 or later (make PYTHON=/path/to/python3.11)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: AURA Stream needs Python 3.11 or later, and $(PYTHON) is " + sys.version.split()[0] + " (make PYTHON=python3.12 picks another)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing the locked dependencies into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## the whole product on an embedded server, with shipped messages
	@$(BIN)/aura-stream demo

# CI=true turns a missing broker from a skip into a failure (tests/infra decides, and says why it skips).
test: $(STAMP) ## all tests, against a real Kafka and a real Redis, with the coverage gates
	@mkdir -p .cache/coverage && rm -f .cache/coverage/*
	@$(COVERAGE) run -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)
	@$(COVERAGE) combine --quiet
	@echo "coverage of codec and mining, branches included:"
	@$(COVERAGE) report --fail-under=$(PURE_COVERAGE) --include='aura_stream/codec/*,aura_stream/mining/*'
	@echo "coverage of everything else:"
	@$(COVERAGE) report --fail-under=$(OTHER_COVERAGE) --omit='aura_stream/codec/*,aura_stream/mining/*'

test-lowest: requirements/lowest.lock ## the fast tests with the oldest dependencies that pyproject.toml allows
	@test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lowest.lock
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@.venv-lowest/bin/python -m pytest -q tests/unit tests/property tests/golden tests/conformance $(PYTEST_ARGS)

check: lint types fast ## lint, types and the fast tests: under a minute

lint: $(STAMP)
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/ruff format --quiet --check $(CODE) || { echo "error: not formatted; run make fmt" >&2; exit 1; }
	@$(BIN)/lint-imports --no-logo --cache-dir .cache/import_linter

types: $(STAMP)
	@$(BIN)/mypy

fast: $(STAMP)
	@$(BIN)/python -m pytest -q -n auto -m 'not integration and not packaging and not corpora' $(FAST)

fmt: $(STAMP) ## format, and fix what the linter can fix
	@$(BIN)/ruff check --quiet --fix $(CODE)
	@$(BIN)/ruff format --quiet $(CODE)

lock: $(STAMP) ## resolve the lock files anew from pyproject.toml
	@$(LOCK) pyproject.toml -o requirements/runtime.lock
	@$(LOCK) --extra embedded --group dev pyproject.toml -o requirements/dev.lock
	@$(LOCK) --resolution lowest-direct --extra embedded --group test pyproject.toml -o requirements/lowest.lock
	@$(LOCK) --constraint requirements/runtime.lock --group fuzz pyproject.toml -o requirements/fuzz.lock

fuzz: $(STAMP) ## a million and more damaged frames, and bombs: two minutes; figures in benchmarks/results/fuzz.json
	@$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

fuzz-guided: .venv-fuzz/.installed ## coverage-guided fuzzing, TIME=60 seconds for each target (Linux on x86-64)
	@.venv-fuzz/bin/python -m tests.fuzz.guided --time $(or $(TIME),60) -o benchmarks/results/fuzz_guided.json $(FUZZ_ARGS)

.venv-fuzz/.installed: requirements/fuzz.lock pyproject.toml
	@test -x .venv-fuzz/bin/python || $(PYTHON) -m venv .venv-fuzz
	@.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.lock
	@.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

bench: $(STAMP) ## ratio, speed and bridge benchmarks; DIR=folder of messages, one a line
	@$(BIN)/python benchmarks/ratio.py $(or $(DIR),aura_stream/samples)
	@$(BIN)/python benchmarks/codec.py
	@$(BIN)/python benchmarks/bridge.py

mutants: $(STAMP) ## take away one protection after the other: a named test must fail each time
	@$(BIN)/python -m tests.mutants

# Seed by seed, each with all rows; what has passed is left out the next time (docs/reliability.md).
CHAOS := .cache/faults/chaos.jsonl
chaos: $(STAMP) ## every fault, SEEDS=20 and full durations, for HOURS at most; then the tables of docs/reliability.md
	@AURA_FAULT_FULL=1 AURA_FAULT_RESUME=1 AURA_FAULT_RESULTS=$(CHAOS) AURA_FAULT_SEEDS=$(or $(SEEDS),20) \
	    AURA_FAULT_HOURS=$(or $(HOURS),1000) $(BIN)/python -m pytest -q -n $(JOBS) --dist load --maxschedchunk 1 \
	    tests/faults $(PYTEST_ARGS); status=$$?; $(BIN)/python tools/fill_reliability.py $(CHAOS) && \
	    { test $$status -eq 5 || exit $$status; } # 5: everything has passed before

soak: $(STAMP) ## faults in random order for HOURS=1, and a sink at 50 KB/s for as long
	@AURA_FAULT_FULL=1 AURA_FAULT_SOAK=$(or $(HOURS),1) AURA_FAULT_RESULTS=.cache/faults/soak.jsonl \
	    $(BIN)/python -m pytest -q -n $(JOBS) --dist load --maxschedchunk 1 tests/faults/test_soak.py $(PYTEST_ARGS)

docker-lint: $(STAMP) ## lint the Dockerfile, validate the compose file; needs no Docker
	@$(BIN)/hadolint docker/Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml

clean: ## remove what the build and the tests made, .venv included
	@rm -rf $(VENV) .venv-lowest .venv-fuzz .cache .coverage* dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
