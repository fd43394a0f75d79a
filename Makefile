# Every target works on a fresh clone: it makes .venv first, from the pinned requirements.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/pip --disable-pip-version-check
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE # where it is set, every process would spend ten seconds on compiling its libraries

.PHONY: help setup tools remote merge plots publish start repro review test nightly lint docs bench lock
.DEFAULT_GOAL := help

help: ## Show what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/installed ## Install the pinned packages into .venv

$(VENV)/installed: requirements.txt
	@git rev-parse --git-dir > /dev/null || { echo "error: DVC works in a Git repository: clone this one instead of \
downloading it, or make one of this folder: git init && git add --all && git commit --message Start"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --no-compile -r requirements.txt
	@touch $@

tools: $(VENV)/tools-installed ## Install the developers' tools, too

$(VENV)/tools-installed: $(VENV)/installed requirements-dev.txt
	$(PIP) install --quiet --no-compile -r requirements-dev.txt
	@touch $@

start: setup ## Look at your own data: DATA=FILE [OPTIONS=--write], and say which params to change
	@test -n "$(DATA)" || { echo "error: which file? For example: make start DATA=reviews.csv"; exit 1; }
	@if test -e "$(DATA)"; then python -m start "$(DATA)" $(OPTIONS); else python -m start $(DATA) $(OPTIONS); fi

repro: setup ## Run what is not up to date of the pipeline
	@test -s .dvc/tmp/rwlock || rm -f .dvc/tmp/rwlock # dvc killed while it writes this file leaves it empty, and refuses to run
	dvc repro

test: tools ## Run the tests
	pytest

nightly: tools ## Run the tests that take long: kills, many random cases, every architecture
	pytest -m nightly

PORTABLE := predict scoring stages start

lint: tools ## Check format, style and types
	ruff format --check .
	ruff check .
	mypy
	mypy --platform win32 $(PORTABLE)
	mypy --platform darwin $(PORTABLE)
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	zizmor --offline --no-progress --quiet .github/workflows
	shellcheck .github/*.sh

docs: setup ## Write the pages of docs/ that are made from the code
	python -m stages.common.params > docs/params.md
	PYTHONPATH=tests python -m bad_inputs > docs/bad_inputs.md

remote: setup ## Keep the team's data and models at URL: a folder, ssh://HOST/FOLDER or s3://BUCKET/FOLDER
	@url='$(URL)'; test -n "$$url" || url=$$(dvc config remote.storage.url 2> /dev/null); test -n "$$url" || \
		{ echo "error: where to? For example: make remote URL=s3://BUCKET/FOLDER"; exit 1; }; \
	case "$$url" in s3://*|ssh://*) $(PIP) install --quiet "dvc[$${url%%:*}]" -c requirements-dev.txt;; esac; \
	test -z '$(URL)' || dvc remote add --force --default storage "$$url"

merge: setup ## Merge BRANCH, and make the results of both; without BRANCH, go on with a merge in conflict
	python -m sharing.merge $(BRANCH)

plots: setup ## Show the plots in a page that opens with the network off
	python -m sharing.plots

publish: setup ## Put the exported model on the Hugging Face Hub: REPO=OWNER/NAME [OPTIONS=--dry-run]
	@test -n "$(REPO)" || { echo "error: where to? For example: make publish REPO=OWNER/NAME"; exit 1; }
	python -m sharing.publish $(REPO) $(OPTIONS)

review: setup ## Compare the workspace with main: is the model better, and may it be merged?
	python -m review

bench: setup ## Measure training and prediction against the plain libraries (slow)
	dvc repro --quiet
	python -m bench.train
	python -m bench.predict
	python -m bench.company

LOCK := pip-compile --quiet --strip-extras --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host pyproject.toml
MADE := 1i \# Made by `make lock` from pyproject.toml.

lock: tools ## Write the requirements anew from pyproject.toml
	$(LOCK) --output-file requirements.txt
	sed -i 's/^\(torch==[0-9.]*\)+cpu$$/\1/; /^$$/,$$d; $(MADE)' requirements.txt
	cp requirements.txt requirements-dev.txt
	$(LOCK) --extra dev --output-file requirements-dev.txt
	sed -i 's/^\(torch==[0-9.]*\)+cpu$$/\1/; /^$$/,$$d' requirements-dev.txt
	grep -vxFf requirements.txt requirements-dev.txt | sed '$(MADE)\n-r requirements.txt' > requirements-dev.new
	mv requirements-dev.new requirements-dev.txt
