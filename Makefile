# Rollkeeper. `make help` lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
SAMPLE ?= small
PORT ?= 8000
CRM_PORT ?= 8001
SIZES ?= 100000

SITES := tests/crm tests/marketing
LONGEST := tests/crm tests/marketing tests/faults tests/whole tests/journeys # first, so that two at a time end together
# What make check leaves to make test: pages, and what is told best by many tests.
LEFT := $(foreach name,pages/* test_migrations* test_as_of* test_previews* test_verif* test_guard* test_proof*,--ignore-glob='*/$(name)')
QUICK := tests/sync tests/conformance tests/web tests/work tests/cli tests/journeys

.PHONY: help setup run test check bench lint types layers test-fast test-suites test-system-postgres lock browser clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## the environment: .venv with everything in it

.venv/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Rollkeeper needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

run: setup ## set up, start both sites with the sample association, serve until Ctrl-C
	@exec $(BIN)/rollkeeper up --sample $(SAMPLE) --port $(PORT) --crm-port $(CRM_PORT) --no-browser

test: lint types layers test-suites test-system-postgres ## everything that must hold before a merge

check: lint types layers test-fast ## lint, types, layers, fast tests: under two minutes

bench: setup ## the figures of the performance page, each as a ratio to its floor (SIZES=1000,1000000; see bench/README.md)
	$(BIN)/python -m bench --sizes $(SIZES)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djade --target-version 5.2 --check $$(git ls-files 'src/*.html')
	$(BIN)/codespell

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

test-fast: setup
	SUITES_AT_ONCE=2 .ci/suites $(SITES) $(QUICK) -- -m 'not slow' $(LEFT)

test-suites: setup browser
	SUITES_AT_ONCE=2 .ci/suites $(LONGEST) $(filter-out $(LONGEST:=/),$(wildcard tests/*/))

test-system-postgres: setup
	SUITES_AT_ONCE=2 .ci/with-system-postgres .ci/suites $(SITES) -- -m 'not slow' --ignore-glob='*/pages/*' # pages know no version of PostgreSQL

browser: # the journeys drive Debian's Chromium
	@command -v chromium >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; \
	else \
		echo "The journeys need Chromium. What to do: install the package chromium (as root: apt-get install chromium)." >&2; exit 1; \
	fi

lock: setup ## compile requirements/*.txt anew from pyproject.toml
	$(BIN)/uv pip compile -q pyproject.toml --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header -o requirements/main.txt
	$(BIN)/uv pip compile -q pyproject.toml --group dev --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header -o requirements/dev.txt

clean: ## remove the environment and caches (not var/, where the data is)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build
