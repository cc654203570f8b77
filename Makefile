# What there is to do here. Everything works on a fresh clone with git, make and Python 3.11.

SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
VAR_DIR ?= var
# The versions of wheels that were installed last; installing again is only for other ones.
INSTALLED := $(VENV)/installed
TEST_INSTALLED := $(VENV)/test-installed
PACKAGES := agentsite sessions_app graphs_app refine_app
XDIST ?= 3

# Where the environment forbids bytecode, each of the suite's hundred processes would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint format bench browser suites clean

run: $(INSTALLED)  ## Serve on http://127.0.0.1:8000 (HOST, PORT, and every setting of deploy/README.md)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py collectstatic --no-input --verbosity 0
	@exec $(BIN)/python manage.py serve

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "agentsite needs Python 3.11, found " + sys.version.split()[0] + "; say which with PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): requirements.txt | $(VENV)/bin/python
	@echo "Installing what agentsite needs into $(VENV) (once; a minute or two)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(TEST_INSTALLED): requirements.txt tests/requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $(INSTALLED) $@

test: lint browser suites  ## Lint, types, then every suite on SQLite and what uses the database again on PostgreSQL

browser: $(TEST_INSTALLED)
	@tests/install_browser

suites: $(TEST_INSTALLED)
	$(BIN)/python -m pytest -n $(XDIST) --dist loadgroup
	$(BIN)/python -m tests.servers.run_on_postgres $(BIN)/python -m pytest -n $(XDIST) --dist loadgroup --only-database

lint: $(TEST_INSTALLED)  ## ruff, import contracts, strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy $(PACKAGES)

format: $(TEST_INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TEST_INSTALLED)  ## The figures of the README, measured here
	$(BIN)/python -m tests.benchmarks.run

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage
