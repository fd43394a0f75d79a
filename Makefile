# Every target works on a fresh clone: it makes .venv first, from the pinned requirements.txt.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE # where it is set, every process would spend ten seconds on compiling its libraries

.PHONY: help setup repro test nightly lint docs bench lock
.DEFAULT_GOAL := help

help: ## Show what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/installed ## Install the pinned packages into .venv

$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt
	@touch $@

repro: setup ## Run what is not up to date of the pipeline
	dvc repro

test: setup ## Run the tests
	pytest

nightly: setup ## Run the tests that take long: kills, many random cases, every architecture
	pytest -m nightly

lint: setup ## Check format, style and types
	ruff format --check .
	ruff check .
	mypy

docs: setup ## Write the pages of docs/ that are made from the code
	python -m stages.common.params > docs/params.md

bench: setup ## Measure training and prediction against the plain libraries (slow)
	dvc repro --quiet
	python -m bench.train
	python -m bench.predict
	python -m bench.company

lock: setup ## Write requirements.txt anew from pyproject.toml
	pip-compile --quiet --extra dev --strip-extras --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --output-file requirements.txt pyproject.toml
	sed -i 's/^\(torch==[0-9.]*\)+cpu$$/\1/; /^$$/,$$d; 1i # Made by `make lock` from pyproject.toml.' requirements.txt
