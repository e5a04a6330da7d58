# make demo   ghost text from the starter model, in this terminal
# make test   every test (a real Neovim included, fetched into .cache on first use)
# make test-editors   the tests in real editors, VS Code included (1.3 GB, fetched into .cache on first use)
# make check  formatting, lint, types, import directions

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-editors vscode check fix setup clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/.base: pyproject.toml constraints.txt
	@echo "==> Setting up $(VENV) (once; two to three minutes, most of them for torch)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Fimbria needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> 1/2 torch"
	@$(BIN)/python -m pip install -q -c constraints.txt torch
	@echo "==> 2/2 Fimbria and its other dependencies"
	@$(BIN)/python -m pip install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo "==> Installing what the tests need"
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(VENV)/.dev

demo: $(VENV)/.base
	@$(BIN)/fimbria demo

test: setup
	@$(BIN)/python -m pytest

# What the tests in VS Code need, and the extension's own checks; without them those tests skip.
vscode: setup
	@echo "==> VS Code, its extension's lint, types and tests"
	@$(BIN)/python -m tests.editors.get_vscode check $(if $(CI),--if-possible)

test-editors: vscode
	@FIMBRIA_REQUIRE_EDITORS=1 $(BIN)/python -m pytest tests/editors

check: setup
	@echo "==> ruff format"; $(BIN)/ruff format --check .
	@echo "==> ruff check"; $(BIN)/ruff check .
	@echo "==> mypy --strict"; $(BIN)/mypy
	@echo "==> import directions"; $(BIN)/python -m pytest -q tests/unit/test_import_directions.py

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
