# `make train` and `make test` set everything up by themselves and can be run again at any time.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
PIP_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup train test lint types check wheel clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10
	@echo
	@echo 'ARGS are passed on: make train ARGS="experiment=soft_decay seed=1"'

# PIP_ARGS choose where pip looks, for example for a torch built for the processor alone.
$(VENV)/.ready: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(VENV)/.ready  ## make the virtual environment with pinned dependencies

train: setup  ## train on the built-in sample, 4 to 5 minutes on 2 cores
	$(BIN)/python -m amlm.train $(if $(ARGS),$(ARGS),experiment=hard_decay)

test: setup  ## run the tests
	$(BIN)/python -m pytest $(ARGS)

lint: setup  ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: setup  ## check types
	$(BIN)/mypy

check: lint types test  ## all that continuous integration runs

wheel: setup  ## build a wheel into dist/
	$(BIN)/python -m build --wheel

clean:  ## remove the virtual environment and caches; run folders stay
	rm -rf $(VENV) dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache
