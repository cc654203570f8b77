# What there is to do here. Everything works on a fresh clone with git, make and Python 3.11, 3.12 or 3.13.

SHELL := /bin/sh
# The newest that is found, unless PYTHON=/path/to/python3.12 says which.
PYTHON ?=
export PYTHON
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

.PHONY: run test test-pythons lint format bench browser suites clean

run: $(INSTALLED)  ## Serve on http://127.0.0.1:8000 (HOST, PORT, and every setting of deploy/README.md)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py collectstatic --no-input --verbosity 0
	@exec $(BIN)/python manage.py serve

# An environment whose Python is gone, not supported, or not the version that PYTHON asks for is made anew.
ifneq ($(wildcard $(VENV)),)
FITS := $(shell PYTHON='$(PYTHON)' deploy/find_python --fits $(BIN)/python)
ifeq ($(FITS),)
$(error PYTHON=$(PYTHON) cannot be used)
endif
ifeq ($(FITS),no)
$(shell rm -f $(BIN)/python $(INSTALLED) $(TEST_INSTALLED))
endif
endif

$(VENV)/bin/python:
	@python=$$(deploy/find_python) && echo "Making $(VENV) with $$python" && "$$python" -m venv --clear $(VENV)

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

test-pythons: lint browser  ## The suites on each supported Python that this machine has, the newest first
	@for python in $$(PYTHON= deploy/find_python --all); do \
	    version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    echo "The suites on Python $$version"; \
	    $(MAKE) suites PYTHON=$$python VENV=.venv-$$version || exit 1; \
	done

lint: $(TEST_INSTALLED)  ## ruff, import contracts, strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy $(PACKAGES)

format: $(TEST_INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TEST_INSTALLED)  ## Measure the figures of docs/performance.md here
	$(BIN)/python -m tests.benchmarks.run

clean:
	rm -rf $(VENV) .venv-3.1? .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage
