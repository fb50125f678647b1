# make check    diagnose the session "testing" on the embedded simulator: ARGS="--session other" for more
# make test     the project's own tests: ARGS="-k judge" to select
# make lint     ruff, mypy, import contracts, declared dependencies
# make accuracy every case of docs/accuracy.md; all numbers at its end have to be 0: ARGS=gateway for those of a target
# make kills    200 runs that are killed at random moments: ARGS="-k SIGTERM" to select
# make package  build the wheel and the sdist into dist/ and try the wheel in an environment of its own
# make lowest   tests with the lowest versions of the dependencies that pyproject.toml allows
# make sbom     the bill of materials of an installation with all extras: dist/sbom.json (CycloneDX)

# Baileys, a client in Node, for the tests of the simulator; they are skipped where there is no npm.
NPM    := $(shell command -v npm)
NODE   := $(if $(NPM),tests/baileys/node_modules/.package-lock.json)

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c "$(NEW_ENOUGH)" 2> /dev/null && echo $$each && break; done)
endif
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: check test accuracy kills lint package lowest sbom python

check: $(VENV)/installed
	$(BIN)/pytest checks --session testing $(ARGS)

test: $(VENV)/installed-dev $(NODE)
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest tests docs/examples -n 2 --dist loadfile $(ARGS)

accuracy: $(VENV)/installed-dev
	$(BIN)/python -m tests.accuracy $(ARGS)

kills: $(VENV)/installed-dev
	WADIAG_KILLS=$(or $(WADIAG_KILLS),200) $(BIN)/pytest tests/test_kills.py $(ARGS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry diagnostics checks
	$(BIN)/deptry . --ignore DEP002,DEP004 --exclude '\.venv|.*node_modules/'

package: $(VENV)/installed-dev
	VENV=$(VENV) .ci/package

lowest: $(VENV)/installed-dev
	VENV=$(VENV) .ci/lowest

# Of an environment that holds the package with all extras and nothing else.
sbom: $(VENV)/installed-dev
	@mkdir -p dist
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/all
	$(BIN)/uv pip install --quiet --python $(VENV)/all/bin/python '.[all]'
	$(BIN)/cyclonedx-py environment --output-reproducible --output-file dist/sbom.json $(VENV)/all/bin/python

tests/baileys/node_modules/.package-lock.json: tests/baileys/package-lock.json
	cd tests/baileys && $(NPM) ci --loglevel=error
	@touch $@

python:
	@$(or $(PYTHON),false) -c "$(NEW_ENOUGH)" 2> /dev/null || \
	{ echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11 ..."; exit 1; }

# What a user gets who only checks; the tests need the extras, too. Older versions of pip know no dependency groups.
$(VENV)/pip: | python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/installed: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@
