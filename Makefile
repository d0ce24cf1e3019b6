# Two commands are all a newcomer needs: `make demo` and `make test`. Each sets up .venv first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.stamp
LOCKER  := .venv-lock
WORKERS ?= 2
comma   := ,
ARGS    ?=
# What only a broker, a PostgreSQL or a Redis can run is not measured where none is named; CI measures everything.
UNREACHED := $(if $(or $(CI),$(EXPUNGE_TEST_KAFKA)),,--omit='connectors/kafka/*$(comma)connectors/worker.py$(comma)orchestrator/bus/*$(comma)orchestrator/cache/*$(comma)orchestrator/runtime/relay.py$(comma)orchestrator/runtime/distributed.py$(comma)orchestrator/runtime/orchestrator.py$(comma)orchestrator/runtime/packages.py$(comma)orchestrator/runtime/suppression.py$(comma)orchestrator/cli/storing.py$(comma)orchestrator/cli/caching.py$(comma)orchestrator/cli/kafka.py$(comma)orchestrator/cli/rotating.py$(comma)orchestrator/cli/connecting.py$(comma)orchestrator/cli/orchestrating.py$(comma)orchestrator/store/postgres.py$(comma)orchestrator/store/arrays.py')

# The first Python that starts and is new enough; PYTHON=/path/to/python overrides. A name on the PATH is
# not enough: version managers leave shims that refuse to run, and Debian may lack ensurepip.
PYTHON ?=

.PHONY: help venv demo test coverage lint fmt bench bench-copy bench-ledger bench-distributed chaos simulation lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## set up .venv from the lock file (nothing else needs to be installed)

$(STAMP): requirements.lock pyproject.toml
	@python=""; \
	for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	  if "$$candidate" -c 'import sys, ensurepip, sqlite3, ssl; sys.exit(not (3, 11) <= sys.version_info[:2] < (4, 0))' 2>/dev/null; then \
	    python="$$candidate"; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: no Python 3.11 or newer with venv found." >&2; \
	  echo "  Install one (Debian, Ubuntu: apt install python3 python3-venv; Fedora: dnf install python3; macOS: brew install python)," >&2; \
	  echo "  or name it: make PYTHON=/path/to/python3.12 venv" >&2; \
	  exit 2; \
	fi; \
	echo "make: setting up $(VENV) with $$("$$python" --version)" >&2; \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  "$$python" -m venv --clear $(VENV); \
	fi
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: -r requirements.lock
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## one access and one erasure request on a small made-up company (ARGS="--keep DIR")
	@$(BIN)/expunge demo $(ARGS)

# The closing line of pytest and the coverage floors are what CI reads.
test: $(STAMP) ## the whole suite but the slow part, with the services that are found, then the coverage floors (ARGS=... goes to pytest)
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" --cov --cov-report= $(ARGS)
	@$(MAKE) coverage

coverage: $(STAMP) ## the floors, on the data of the last `make test`: 100 % of the core, 90 % overall, with branches
	@if compgen -G '.coverage.*' >/dev/null; then $(BIN)/coverage combine --quiet --append; fi
	$(BIN)/coverage report $(UNREACHED) --fail-under=90
	$(BIN)/coverage report --include='orchestrator/core/*,orchestrator/core.py' --fail-under=100

lint: $(STAMP) ## ruff, mypy strict (tests too), import-linter, generated schemas up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -f schemas/generate.py ]; then set -x; $(BIN)/python -m schemas.generate --check; fi

fmt: $(STAMP) ## format, and fix what can be fixed by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure; prints a table and writes JSON
	$(BIN)/python -m benchmarks $(ARGS)

bench-copy: $(STAMP) ## measure the copy of a person who has 2 GB of data; needs 10 GB of disk
	$(BIN)/python -m benchmarks.bench_copy $(ARGS)

bench-ledger: $(STAMP) ## measure the ledger at 100,000 leaves; with EXPUNGE_TEST_POSTGRES on PostgreSQL too
	$(BIN)/python -m benchmarks.bench_ledger $(ARGS)

bench-distributed: $(STAMP) ## measure over a Kafka and a PostgreSQL that nobody else uses (EXPUNGE_TEST_KAFKA, ..._POSTGRES); prints a table, writes JSON
	$(BIN)/python -m benchmarks.bench_distributed $(ARGS)
	$(BIN)/python -m benchmarks.bench_takeover

chaos: $(STAMP) ## kills and outages, the long ones too
	$(BIN)/python -m pytest -m chaos --timeout=1800 $(ARGS)
	$(BIN)/python -W ignore -m tests.chaos.distributed --requests 5000 --kills 60 --broker-kills 3 --postgres-kills 4 --flushes 3

simulation: $(STAMP) ## ten years, 100,000 requests, systems that are slow, dead or flapping: is a deadline missed in silence?
	$(BIN)/python -m tests.simulation $(ARGS)

# One lock for Python 3.11 to 3.13 on all platforms. The header names the command, no index and no machine.
# What the image installs is a part of it: no tools, but what builds the package.
lock: ## resolve the dependencies again, write requirements.lock and deploy/requirements.lock (needs the network)
	@if ! [ -x $(LOCKER)/bin/uv ]; then $(if $(PYTHON),$(PYTHON),python3) -m venv $(LOCKER); $(LOCKER)/bin/python -m pip install --quiet 'uv>=0.13.9,<0.14'; fi
	@$(LOCKER)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock' \
	  --extra dev --extra distributed --extra parquet --extra postgres --extra age --extra pdf --extra web pyproject.toml --output-file requirements.lock
	@echo 'hatchling' | $(LOCKER)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock' --constraint requirements.lock \
	  --extra distributed --extra parquet --extra postgres --extra age --extra web pyproject.toml - --output-file deploy/requirements.lock

clean: ## remove .venv and everything generated
	rm -rf $(VENV) $(LOCKER) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks
	find schemas connectors orchestrator tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
