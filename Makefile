# make demo   ghost text from the starter model, in this terminal
# make test   every test (a real Neovim included, fetched into .cache on first use)
# make check  formatting, lint, types, import directions

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check fix setup clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "==> Setting up $(VENV) (once; torch is the large part, about two minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Fimbria needs Python 3.11 or newer; found $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> 1/2 torch (CPU build where the index has one)"
	@$(BIN)/python -m pip install -q -c constraints.txt torch
	@echo "==> 2/2 Fimbria, its dependencies and what the tests need"
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(VENV)/.installed

demo: setup
	@$(BIN)/fimbria demo

test: setup
	@$(BIN)/python -m pytest

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
