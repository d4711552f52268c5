# make demo    the main job on a simulated microscope, offline; report in deepscan-demo/report.html
# make test    all tests
# make fuzz    damaged files, protocols and settings for ten minutes
# make benchmark  captured truth for all costs; writes docs/benchmark.md (under an hour)
# make sparse  strategies on large frames with few defects; writes docs/sparse.md
# make check   lint, format, types and floors
# Each sets up what it needs in .venv, once; `make clean` removes it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt --config-settings editable_mode=compat
# Each file of tests goes to one of a few processes, in the order that tests/conftest.py gives them; each network of a test
# uses some cores itself.
SPREAD := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
SOURCES := setup.py requirements-core.txt constraints.txt

.PHONY: demo test benchmark sparse check lint types floors format test-latest fuzz bench clean

demo: $(VENV)/.demo
	$(BIN)/deepscan demo --out deepscan-demo --overwrite
	@echo "open deepscan-demo/report.html"

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(SPREAD)

benchmark: $(VENV)/.dev
	$(BIN)/deepscan benchmark --out deepscan-benchmark --overwrite
	sed 's|](benchmark-|](pictures/benchmark-|' deepscan-benchmark/benchmark.md > docs/benchmark.md
	cp deepscan-benchmark/benchmark-*.png docs/pictures/

sparse: $(VENV)/.dev
	$(BIN)/deepscan benchmark --suite sparse --out deepscan-sparse --overwrite
	sed 's|](benchmark-|](pictures/benchmark-|' deepscan-sparse/sparse.md > docs/sparse.md
	cp deepscan-sparse/benchmark-*.png docs/pictures/

check: lint types floors

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

floors: $(VENV)/.dev
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --minutes 10

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/latency.py

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "DeepScan needs Python 3.11 to 3.13: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python $(SOURCES)
	@echo "setting up DeepScan in $(VENV) (a few hundred MB, once)"
	$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.python $(SOURCES)
	@echo "setting up DeepScan and its tools in $(VENV) (a few hundred MB, once)"
	$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.demo

# The plug-in and the instruments on the newest interpreter, which gets a newer Nion Swift. Without torch: its absence is
# tested there, and the features come from scikit-image.
LATEST_PYTHON ?= python3.13
LATEST := .venv-latest

test-latest: $(LATEST)/.ready
	$(LATEST)/bin/python -m pytest $(SPREAD) tests/plugin tests/contract tests/test_imports.py

$(LATEST)/.ready: $(SOURCES)
	$(LATEST_PYTHON) -m venv $(LATEST)
	$(LATEST)/bin/python -m pip install --disable-pip-version-check -r requirements-core.txt \
	  nionswift nionswift-instrumentation nionswift-usim nionswift-io nionswift-tool pytest pytest-timeout pytest-xdist hypothesis resvg-py
	$(LATEST)/bin/python -m pip install --disable-pip-version-check --no-deps --config-settings editable_mode=compat -e .
	@touch $@

clean:
	rm -rf $(VENV) $(LATEST) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
