# Two commands for everybody: `make demo` and `make test`. The others are for who works on the code.

SHELL = bash -o pipefail
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
AXE = .node/node_modules/axe-core/axe.min.js
JOBS ?= 2

.PHONY: demo demo-reset system test check test-faults lint format messages docs bench bench-widget neighbour matrix \
	import-cost audit clean

demo: $(VENV)/demo.stamp ## a portal with sample data, until Ctrl-C
	@exec $(BIN)/python -m demo

demo-reset: $(VENV)/demo.stamp ## the same, from an empty database
	@exec $(BIN)/python -m demo --reset

system: ## the programs that tests need and pip does not bring: Chromium, Redis…
	@tools/system-packages

test: system $(VENV)/test.stamp $(AXE) .frictionless ## every test, on a real MongoDB and in a real browser
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

check: lint .frictionless ## lint and the tests that need neither a browser nor long: some minutes
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m "not slow" $(ARGS)

test-faults: $(VENV)/test.stamp ## bad days, with real processes that are killed; writes docs/reliability.md
	$(BIN)/python -m pytest tests/faults -n 0 --write-reliability $(ARGS)

lint: $(VENV)/test.stamp ## ruff, mypy, and which way imports point
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: $(VENV)/test.stamp ## bring the gettext catalogues up to date with the code, and compile them
	$(BIN)/python setup.py -q extract_messages
	$(BIN)/python setup.py -q update_catalog
	$(BIN)/python setup.py -q compile_catalog

docs: $(VENV)/test.stamp ## write the settings and the API reference, then build the site (build/site)
	$(BIN)/python docs/rooms.py
	$(BIN)/python docs/settings.py
	$(BIN)/python -m docs.reference
	$(PIP) --quiet 'mkdocs>=1.6,<2'
	$(BIN)/mkdocs build --strict --quiet

neighbour: $(VENV)/demo.stamp ## udata's own tests, without the plugin and with it: they end alike
	$(BIN)/python -m tools.good_neighbour $(ARGS)

matrix: $(VENV)/demo.stamp ## chosen tests on each udata, Python and MongoDB that can be had here
	$(BIN)/python -m tools.matrix $(ARGS)

import-cost: $(VENV)/demo.stamp ## what the plugin adds to a process of udata: time and memory
	$(BIN)/python -m tools.import_cost $(ARGS)

bench: $(VENV)/test.stamp ## ratios to udata's own discussions and to Isso, in one run; ARGS=--quick: a minute
	@$(MAKE) --no-print-directory .isso/bin/gunicorn || echo "Isso cannot be had: not compared"
	$(BIN)/python -m benchmarks $(ARGS)

# Known vulnerabilities that are left, for instance because udata pins the package: an id each, with the reason why in
# docs/security.md.
AUDIT_IGNORES =

# A package that could not be looked up is named, with the reason; only a vulnerability is a failure.
audit: $(VENV)/test.stamp ## known vulnerabilities of all that is installed (asks the network)
	$(BIN)/python -m pip freeze --exclude-editable | $(BIN)/python -m pip_audit --no-deps --disable-pip \
		--progress-spinner off $(addprefix --ignore-vuln ,$(AUDIT_IGNORES)) --requirement /dev/stdin

bench-widget: $(VENV)/test.stamp .isso/bin/isso ## the widget beside a plain form and Isso, in a browser on slow 4G
	$(BIN)/python -m benchmarks.widget

clean:
	rm -rf $(VENV) .node .frictionless .isso .demo .bench .neighbour .matrix build dist *.egg-info

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

# It needs python-slugify, udata awesome-slugify: both are the module `slugify`, hence a place apart.
.frictionless:
	@$(PYTHON) -m venv $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check 'frictionless>=5.18,<6'

# What we are compared with, apart: it has other versions of the same libraries.
.isso/bin/isso:
	@$(PYTHON) -m venv .isso
	@.isso/bin/python -m pip install --quiet --disable-pip-version-check 'isso==0.14.*'

.isso/bin/gunicorn: .isso/bin/isso
	@.isso/bin/python -m pip install --quiet --disable-pip-version-check gunicorn

$(AXE):
	@npm install --silent --no-save --no-package-lock --prefix .node axe-core@4.14.1
