# make check    diagnose the session "testing" on the embedded simulator: ARGS="--session other" for more
# make test     the project's own tests: ARGS="-k judge" to select
# make lint     ruff, mypy, import contracts

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: check test lint libmagic

check: libmagic $(VENV)/installed
	$(BIN)/pytest checks --session testing $(ARGS)

test: libmagic $(VENV)/installed-dev
	$(BIN)/pytest tests -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# neonize cannot be imported without it, and pip cannot bring it.
libmagic:
	@$(PYTHON) -c "import ctypes.util, sys; sys.exit(not ctypes.util.find_library('magic'))" || \
	{ echo "libmagic is missing, which neonize needs; install it with: sudo apt-get install -y libmagic1"; exit 1; }

$(VENV)/pip: 
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/installed: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed pyproject.toml
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
