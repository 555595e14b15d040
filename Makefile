# Everything sets itself up: the first target that needs it makes .venv and installs the project (see tools/setup-venv).
# make EXTRAS=dev,mxnet,cuda12 test     other extras      make PYTHON=python3.12 test     another interpreter
# make VENV=.venv-3.10 PYTHON=python3.10 test     another interpreter in an environment beside the usual one
# What was chosen once stays so: the stamp holds both, and the environment is made anew where another is asked for.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INSTALLED := $(shell cat $(STAMP) 2>/dev/null)
USUAL := dev,mxnet,cuda13
EXTRAS ?= $(or $(word 1,$(INSTALLED)),$(USUAL))
PYTHON ?= $(word 2,$(INSTALLED))
ARGS ?=
# Tests with a mark need more time, or more than Python. Of two -m, pytest takes the later: ARGS='-m slow' picks these, and
# ARGS='-m ""' all that can run.
MARKS := $(shell awk -F '[":]' '/^markers = / { on = 1; next } /^]/ { on = 0 } on { printf "%s%s", sep, $$2; sep = " or " }' pyproject.toml)
# A process per core, each with a part of the files, until one has none left; ARGS='-n 0' runs all in one process.
SIDE_BY_SIDE := -n logical --maxprocesses 8 --dist worksteal
.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs serve-docs commands bench soak wheel coverage horovod clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## Draw a data set, train on it, score it; leaves pictures (about five minutes)
	@$(BIN)/dali-ssd demo $(ARGS)

test: $(STAMP) ## Run the tests without a mark; ARGS='-k name tests/unit' picks some, ARGS='-m slow' those with one
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not ($(MARKS))" $(ARGS)

lint: $(STAMP) ## Check style, types, spelling, workflows and files as before every commit (.pre-commit-config.yaml)
	@BIN=$(BIN) $(BIN)/pre-commit run --all-files --show-diff-on-failure

format: $(STAMP) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

# Material announces the end of MkDocs 1 with each build.
docs serve-docs: export NO_MKDOCS_2_WARNING = 1

docs: $(STAMP) ## Build the site of the documentation into site/; a warning is an error
	@$(BIN)/python -m mkdocs build --strict

serve-docs: $(STAMP) ## Show the site at http://127.0.0.1:8000 and build it anew with every change
	@$(BIN)/python -m mkdocs serve

commands: $(STAMP) ## Write docs/commands.md from the options of the commands
	@$(BIN)/python -m tools.commands

bench: $(STAMP) ## Compare loaders on the same work; ARGS are those of dali-ssd bench
	@$(BIN)/dali-ssd bench $(ARGS)

soak: $(STAMP) ## Load, train and score for a quarter of an hour on damaged shards: nothing may grow
	@$(BIN)/python -m dali_ssd.bench.soak $(ARGS)

wheel: $(STAMP) ## Build the wheel and the source distribution into dist/, install each as a user would, and use it
	@rm -rf build dist
	@$(BIN)/python -m build --outdir dist .
	@tools/try-wheel $(BIN)/python

coverage: $(STAMP) ## Measure which lines the tests run, and fail below the threshold; ARGS are those of pytest
	@$(BIN)/coverage erase
	@code=0; $(BIN)/coverage run -m pytest $(SIDE_BY_SIDE) -m "not ($(MARKS))" $(ARGS) || code=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report || code=$$?; exit $$code

horovod: $(STAMP) ## Build Horovod for MXNet, once for all environments, and install it into this one
	@tools/build-horovod $(BIN)/python

clean: ## Remove the environments and what the tools left
	rm -rf .venv .venv-* build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

ifneq ($(strip $(EXTRAS) $(PYTHON)),$(strip $(INSTALLED)))
.PHONY: $(STAMP)
endif
$(STAMP): pyproject.toml $(wildcard constraints/*.txt) tools/install tools/setup-venv
	@PYTHON="$(PYTHON)" tools/setup-venv "$(EXTRAS)" "$(VENV)"
