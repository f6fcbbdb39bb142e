# Needs only make and Python 3.11 or newer with venv and pip. `make` lists the targets.

PYTHON ?= python3
LOCK_PYTHON ?= python3.11
VENV ?= .venv
PYTEST_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PINS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help explain test lint format lock accept-explain accept-evidence accept-exchange accept-case accept-serve oracle mutation waterfall soak serve-soak faults way fuzz conformance conformance-quick bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# Stamps lie inside the environment, so that removing it removes them too.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "margincall needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: $(VENV)/.created $(PINS)
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.created $(PINS)
	$(PIP) --editable '.[test]'
	@touch $(VENV)/.base $@

$(VENV)/.fuzz: $(VENV)/.created $(PINS)
	$(PIP) --editable '.[test,fuzz]'
	@touch $(VENV)/.base $(VENV)/.test $@

$(VENV)/.lint: $(VENV)/.created $(PINS)
	$(PIP) --editable '.[lint]'
	@touch $(VENV)/.base $@

# Exit code 1 is an answer ("differences or irregularities found"), not a failure.
explain: $(VENV)/.base  ## install the base and explain the liquidation that comes with the package
	@$(BIN)/margincall explain || test $$? -eq 1

test: $(VENV)/.test  ## run the fast tests (PYTEST_ARGS adds options)
	$(BIN)/python -m pytest -n 2 -m "not slow" $(PYTEST_ARGS)

lint: $(VENV)/.lint  ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src

format: $(VENV)/.lint  ## format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## pin the versions of everything in constraints.txt
	$(LOCK_PYTHON) tools/lock.py

accept-explain: $(VENV)/.test $(VENV)/.lint  ## show every bullet of the task `explain`, one line each
	$(BIN)/python -m tests.accept.explain

accept-evidence: $(VENV)/.test $(VENV)/.lint  ## show every bullet of the task `evidence`, one line each
	$(BIN)/python -m tests.accept.evidence

accept-exchange: $(VENV)/.test $(VENV)/.lint  ## show every bullet of the task `exchange`, one line each
	$(BIN)/python -m tests.accept.exchange

accept-case: $(VENV)/.test $(VENV)/.lint  ## show every bullet of the task `case`, one line each
	$(BIN)/python -m tests.accept.case

accept-serve: $(VENV)/.fuzz $(VENV)/.lint  ## show every bullet of the task `serve`, one line each
	$(BIN)/python -m tests.accept.serve

oracle: $(VENV)/.test  ## compare the rules with the naive second implementation
	$(BIN)/python -m tests.accept.oracle_run

mutation: $(VENV)/.test  ## plant mistakes in the rules and see that tests find them
	$(BIN)/python -m tests.mutation.run

waterfall: $(VENV)/.test  ## compare the liquidation desk with the naive second implementation on 10,000 venues
	$(BIN)/python -m tests.accept.waterfall_run

soak: $(VENV)/.test  ## play 10,000 seeds to the exchange under the eyes of the auditor (an hour)
	$(BIN)/python -m tests.accept.soak_run

serve-soak: $(VENV)/.test  ## play a day to a served exchange and see whether its memory grows; 200 sockets; 100 kills (half an hour)
	$(BIN)/python -m tests.accept.serve_soak
	$(BIN)/python -m tests.accept.serve_sockets
	$(BIN)/python -m tests.accept.serve_kills

faults: $(VENV)/.test  ## let the exchange err in every way and size, and see what verify finds (half an hour)
	$(BIN)/python -m tests.accept.faults.run --write

fuzz: $(VENV)/.fuzz  ## try the server with what no client sends, for three minutes (SEED=N for the same again)
	$(BIN)/python -m tests.fuzz.run --seconds 180 $(if $(SEED),--seed $(SEED))

conformance: $(VENV)/.test  ## let real clients of the venue, each in an environment of its own, call the server
	$(BIN)/python -m tests.conformance.run

conformance-quick: $(VENV)/.test  ## the part of it that CI runs; writes nothing
	$(BIN)/python -m tests.conformance.run --quick

way: $(VENV)/.test  ## go a user's way from a liquidation to the dispute, and through 91 simulated days (2 minutes)
	$(BIN)/python -m tests.accept.serve_way

bench: $(VENV)/.test  ## measure the figures of the README
	$(BIN)/python -m benchmarks

clean:  ## remove the environment, builds and caches
	rm -rf $(VENV) .clients build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
