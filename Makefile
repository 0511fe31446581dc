# Set-up, the demo study and the tests. `make table1` and `make test` set themselves up; a second call installs nothing.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PYTEST := $(BIN)/pytest -q --numprocesses logical --maxprocesses 8 --dist loadfile

.PHONY: install table1 test test-all check clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tagbench needs Python 3.11 or newer; set PYTHON=...")'
	@echo "Setting up .venv; this takes a few minutes, once."
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

table1: install
	$(BIN)/tagbench run demo

test: check
	$(PYTEST)

test-all: test
	$(PYTEST) -m slow

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv build *.egg-info
