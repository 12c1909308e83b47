# The two commands of the README:   make demo   serves the built-in model;   make check   passes the tests.
# Both set everything up first. uv is used when it is there, else the standard venv and pip.

PYTHON ?= python3
VENV ?= .venv
DIST ?= dist
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
# Test processes side by side; a file of tests stays in one of them.
JOBS ?= 2
# Linux needs an MLX library: `make MLX=cuda ...` takes the CUDA build instead of the CPU one. macOS has its own.
MLX ?= cpu
ifeq ($(shell uname -s),Darwin)
PROJECT := .
PROJECT_DEV := .[dev]
PROJECT_MUTATION := .[dev,mutation]
else
PROJECT := .[$(MLX)]
PROJECT_DEV := .[$(MLX),dev]
PROJECT_MUTATION := .[$(MLX),dev,mutation]
endif
UV := $(shell command -v uv 2>/dev/null)
SOURCES := domain ports application adapters entrypoints container.py container_embedding.py container_hearing.py container_hub.py container_injector.py container_serving.py container_speaking.py container_watch.py container_workspaces.py mlxk tests scripts benchmarks

# The tests that together reach nearly every line of domain and application; the rest of the suite adds little but minutes.
COVERING := tests/unit tests/contracts tests/functional/bench tests/functional/catalog tests/functional/cli tests/functional/hub tests/functional/workspace tests/functional/http/test_http_served_models.py
SWEEPS := tests/functional/catalog/test_catalog_crashes.py tests/functional/hub/test_hub_crashes.py tests/functional/workspace/test_crashes.py tests/adapters/inference/test_prefix_crashes.py tests/functional/test_worker_deaths.py tests/functional/http/test_http_worker_faults.py tests/functional/http/test_http_frail_life.py

.PHONY: demo check setup format lint types imports test wet nightly coverage mutation pythons soak sweeps models docs wheel clean help

help:            ## this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed   ## set up, then serve the built-in model and print how to talk to it
	$(BIN)/mlxk serve --model demo --host $(HOST) --port $(PORT)

check: $(VENV)/.installed-dev lint types imports test   ## set up, then lint, types, import contracts, tests

setup: $(VENV)/.installed-dev   ## only set up

# ensurepip is absent from some systems' Python: uv, or `python3-venv` from the system, helps there.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mlxk needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
ifdef UV
	uv venv --quiet --python $(PYTHON) $(VENV)
else
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make an environment with pip: install python3-venv, or uv"; exit 1; }
endif

ifdef UV
INSTALL := uv pip install --quiet --python $(BIN)/python
else
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(INSTALL) -e '$(PROJECT)'
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml
	$(INSTALL) -e '$(PROJECT_DEV)'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-mutation: $(VENV)/.installed-dev
	$(INSTALL) -e '$(PROJECT_MUTATION)'
	@touch $@

format: $(VENV)/.installed-dev   ## rewrite the sources in the house format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

lint: $(VENV)/.installed-dev   ## format and lint, without changing anything
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

types: $(VENV)/.installed-dev   ## mypy, strict
	$(BIN)/mypy

imports: $(VENV)/.installed-dev   ## the import contracts
	$(BIN)/lint-imports

test: $(VENV)/.installed-dev   ## the tests, without the nightly sweeps
	$(BIN)/pytest -m "not nightly and not live" -n $(JOBS) --dist loadfile

wet: $(VENV)/.installed-dev   ## live tests: the models of your cache, or miniatures; WET="-k push" chooses
	PYTEST=$(BIN)/pytest scripts/test-wet-umbrella.sh $(WET)

nightly: $(VENV)/.installed-dev   ## every test, with the full crash sweeps and the soak
	$(BIN)/pytest

coverage: $(VENV)/.installed-dev   ## the coverage of domain and application; fails below 95 %
	rm -rf build/coverage
	$(BIN)/python -m coverage run -m pytest -q -m "not nightly and not live" $(COVERING)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --include='domain/*'
	$(BIN)/python -m coverage report --include='application/*'

# An hour on two quiet cores; SAMPLE=3000 tries so many of the 8,000, drawn by a fixed seed. MUTATION_FLAGS: `--report docs/testing-results.md` writes the table there.
mutation: $(VENV)/.installed-mutation   ## how many faults put into domain's rules the tests find; fails below 85 %
	rm -rf mutants
ifdef SAMPLE
	$(BIN)/mutmut run 'domain.json_depth.*'
	$(BIN)/mutmut run $$($(BIN)/python -m scripts.mutation_score --sample $(SAMPLE))
else
	$(BIN)/mutmut run
endif
	$(BIN)/python -m scripts.mutation_score $(MUTATION_FLAGS)

pythons: $(VENV)/.installed   ## the suite on every Python found here, with the oldest and newest libraries
	PYTHON=$(BIN)/python scripts/test-multi-python.sh $(PYTHONS_FLAGS)

soak: $(VENV)/.installed-dev   ## ten minutes of a server under mixed load and kills
	$(BIN)/python -m tests.support.soak

sweeps: $(VENV)/.installed-dev   ## kill sweeps: every point at which a command, a worker or a write can be killed
	$(BIN)/pytest -m "nightly and not live" $(SWEEPS)

models: $(VENV)/.installed-dev   ## train the models that come with the sources again and prove their answers
	$(BIN)/python -m scripts.train_demo --out adapters/builtin_model/demo
	$(BIN)/python -m scripts.train_vision --out tests/assets/vision
	$(BIN)/python -m scripts.train_embedding --out tests/assets
	$(BIN)/python -m scripts.train_whisper --out tests/assets/whisper
	$(BIN)/pytest tests/functional/test_builtin_model.py tests/functional/test_vision_miniature.py tests/functional/test_embedding_models.py tests/functional/test_whisper_miniature.py

docs: $(VENV)/.installed-dev   ## make the generated documents again
	$(BIN)/python -m scripts.generate_cli_docs
	$(BIN)/python -m scripts.generate_openapi
	$(BIN)/python -m scripts.generate_testing_docs

wheel: $(VENV)/.installed-dev   ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir $(DIST)

clean:           ## remove the environment and everything built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis mutants
