# `make run` and `make test` are all the set-up there is; `make help` lists the rest.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HOST ?= 127.0.0.1
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help install run test check train-demo clean

help:  ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## Make the virtual environment in .venv
	@:

$(STAMP): requirements.txt $(wildcard requirements/*.txt)
	@scripts/make-venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

run: install  ## Start everything on http://127.0.0.1:8000 (PORT=8001 make run for another port)
	@exec $(BIN)/python manage.py run --host $(HOST) --port $(PORT)

test: install  ## Run the whole test suite, in a real browser and on real servers too
	@scripts/ensure-browser $(BIN)/python
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(PYTEST)

check: install  ## Lint, types, import contracts, fast tests, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy dmsearch apps workers
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m "not browser and not torch and not flow and not servers" $(PYTEST)
	$(BIN)/python manage.py makemigrations --check --dry-run

train-demo: install  ## Train the packaged model on the data in DMSEARCH_DEV_DATA and measure it (CPU, up to three hours)
	@scripts/train-demo $(BIN)/python

clean:  ## Delete the virtual environment and caches, not the data in .dmsearch
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
