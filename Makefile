# The two commands of the README:   make demo   serves the built-in model;   make check   passes the tests.
# Both set everything up first. uv is used when it is there, else the standard venv and pip.

PYTHON ?= python3
VENV ?= .venv
DIST ?= dist
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
# Linux needs an MLX library: `make MLX=cuda ...` takes the CUDA build instead of the CPU one. macOS has its own.
MLX ?= cpu
ifeq ($(shell uname -s),Darwin)
PROJECT := .
PROJECT_DEV := .[dev]
else
PROJECT := .[$(MLX)]
PROJECT_DEV := .[$(MLX),dev]
endif
UV := $(shell command -v uv 2>/dev/null)
SOURCES := domain ports application adapters entrypoints container.py container_embedding.py container_hearing.py container_hub.py container_injector.py container_serving.py container_watch.py container_workspaces.py mlxk tests scripts benchmarks

.PHONY: demo check setup format lint types imports test wet nightly models docs wheel clean help

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
	$(BIN)/pytest -m "not nightly and not live"

wet: $(VENV)/.installed-dev   ## live tests: the models of your cache, or miniatures; WET="-k push" chooses
	PYTEST=$(BIN)/pytest scripts/test-wet-umbrella.sh $(WET)

nightly: $(VENV)/.installed-dev   ## everything, with the full crash sweeps and the soak
	$(BIN)/pytest

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
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
