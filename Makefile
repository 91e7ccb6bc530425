# `make train` and `make test` set everything up by themselves and can be run again at any time.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
# Processes that share the tests: one a core, of which more than four only repeat what they set up.
SHARE  := -n logical --maxprocesses 4 --dist worksteal
PIP_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup train test faults lint format types check lock wheel clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10
	@echo
	@echo 'ARGS are passed on: make train ARGS="experiment=soft_decay seed=1"'

# PIP_ARGS choose where pip looks for torch, for example for a build for the processor alone. Its
# version and that of triton, which builds for CUDA bring, are fixed in constraints.txt; everything else
# has its version and hashes in the lock.
$(VENV)/.ready: pyproject.toml constraints.txt requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --no-deps --constraint constraints.txt "triton; sys_platform == 'linux'"
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

setup: $(VENV)/.ready  ## make the virtual environment with pinned dependencies

train: setup  ## train on the built-in sample, 4 to 5 minutes on 2 cores
	$(BIN)/python -m amlm.train $(if $(ARGS),$(ARGS),experiment=hard_decay)

test: setup  ## run the tests
	$(BIN)/python -m pytest $(SHARE) $(ARGS)

faults: setup  ## kill real trainings at 100 random instants and compare what they end with
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults $(ARGS)

lint: setup  ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

format: setup  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup  ## check types
	$(BIN)/mypy

check: lint types test  ## all that continuous integration runs

lock: setup  ## write requirements.lock anew; versions stay but with ARGS=--upgrade
	$(BIN)/uv pip compile pyproject.toml --extra dev --constraint constraints.txt $(ARGS) \
		--universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
		--no-emit-package torch --no-emit-package triton --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
		--quiet --output-file requirements.lock

wheel: setup  ## build a wheel into dist/
	$(BIN)/python -m build --wheel

clean:  ## remove the virtual environment and caches; run folders stay
	rm -rf $(VENV) dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache
