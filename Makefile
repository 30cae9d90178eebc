# The whole set-up: `make demo` or `make test` on a machine with git, make and Python 3.11 or newer.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test stress device-check lint format docs wheel clean
help:
	@echo "make demo    install mepipe, write the sample dataset, run the whole pipeline on it"
	@echo "make test    install the development extras and run the tests"
	@echo "make stress  the fault tests in full: kills, failing disks, flipped bytes (half an hour)"
	@echo "make device-check  what needs a GPU, in less than 4 minutes, as one table"
	@echo "make lint    ruff (lint and format) and mypy"
	@echo "make format  let ruff rewrite what it can"
	@echo "make docs    build the documentation into site/; a warning is an error"
	@echo "make wheel   build the wheel and the sdist in dist/"
	@echo "make clean   remove the environment, the demo and build products (not the cache)"

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "mepipe needs Python 3.11 or newer, and there is no '$(PYTHON)'."; \
	  echo "Install it, or name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "mepipe needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version)."; \
	  echo "Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments: its venv module is missing."; \
	  echo "On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "Making the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# Stamps: installing again is only done when what is to be installed has changed.
$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing mepipe (the libraries take some minutes the first time)"
	@$(PIP) -e '.[sample]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing mepipe and its development extras"
	@$(PIP) -e '.[dev,sample]'
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/mepipe sample demo/sample
	@$(BIN)/mepipe run demo/sample --out demo/out
	@echo "next: source $(VENV)/bin/activate; open demo/out/report.html"

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n logical --dist loadfile

stress: $(VENV)/.dev
	@MEPIPE_STRESS=1 $(BIN)/python -m pytest -s tests/cache tests/features \
	  tests/pipeline/test_faults.py tests/pipeline/test_concurrency.py \
	  tests/execution/test_cluster.py tests/pipeline/test_scale.py tests/cli/test_interruption.py \
	  tests/face/test_gallery.py
	@MEPIPE_STRESS=1 $(BIN)/python -m pytest -n logical -m hypothesis

device-check: $(VENV)/.dev
	@$(BIN)/mepipe bench device

lint: $(VENV)/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: $(VENV)/.dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the documentation is in site/: open site/index.html"

wheel: $(VENV)/.dev
	@$(BIN)/python -m build --outdir dist

clean:
	rm -rf $(VENV) demo build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
