# The whole set-up: `make demo` or `make test` on a machine with git, make and Python 3.11 or newer.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# auto: a CPU build of torch where nvidia-smi lists no GPU. any: what pip takes by itself.
TORCH  ?= auto
OLDEST := .venv-oldest
# What needs no sample, no model and no process of its own, of the lower layers.
QUICK  := tests/cache tests/clips tests/config tests/features tests/io \
          tests/test_architecture.py tests/test_door.py tests/test_schema.py
ON_OLDEST := tests/cache tests/config tests/features tests/flow
# A file of tests stays with one process: its tests share what they made.
PYTEST := $(BIN)/python -m pytest -n logical --dist loadfile

.PHONY: help demo quick test test-all durations oldest stress device-check lint format docs wheel clean
help:
	@echo "Times are of 2 cores. The first of these that is called also installs (some minutes)."
	@echo "make demo      install mepipe, write the sample dataset, run the whole pipeline on it: 3 min"
	@echo "make quick     a part of the tests: 1 min"
	@echo "make test      the tests, without the slow ones: 6 min"
	@echo "make test-all  all tests, as .ci/run has them: 20 min"
	@echo "make oldest    some tests with the oldest libraries allowed, in $(OLDEST): 5 min"
	@echo "make durations  the processor time of each test, and the sum of those that are not slow"
	@echo "make stress    the fault tests in full: kills, failing disks, flipped bytes (half an hour)"
	@echo "make device-check  what needs a GPU, in less than 4 minutes, as one table"
	@echo "make lint      ruff (lint and format) and mypy"
	@echo "make format    let ruff rewrite what it can"
	@echo "make docs      build the documentation into site/; a warning is an error"
	@echo "make wheel     build the wheel and the sdist in dist/"
	@echo "make clean     remove the environment, the demo and build products (not the cache)"

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
$(VENV)/.torch: $(BIN)/python constraints.txt tools/torch_build.py
	@echo "Installing torch: 0.7 GB on the disk (several GB where there is a GPU)"
	@$(BIN)/python tools/torch_build.py --constraints constraints.txt --build $(TORCH)
	@touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "Installing mepipe and what training needs: 1.9 GB on the disk, 1 to 5 minutes"
	@$(PIP) -e '.[train,sample]'
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "Installing mepipe and what its development needs: 2.5 GB on the disk, 2 to 6 minutes"
	@$(PIP) -e '.[dev]'
	@touch $@

demo: $(VENV)/.demo
	@echo "1. Making a synthetic dataset in demo/sample: half a minute"
	@$(BIN)/mepipe sample demo/sample
	@echo "2. From its clips to features, training and the report in demo/out: 1 to 3 minutes"
	@$(BIN)/mepipe run demo/sample --out demo/out
	@echo "next: source $(VENV)/bin/activate; open demo/out/report.html"

quick: $(VENV)/.dev
	@echo "A part of the tests: a minute on 2 cores"
	@$(PYTEST) -m "not slow" $(QUICK)

test: $(VENV)/.dev
	@echo "All tests but the slow ones: 6 minutes on 2 cores, more if they are busy (make test-all: all of them)"
	@$(PYTEST) -m "not slow"

test-all: $(VENV)/.dev
	@echo "All tests: 20 minutes on 2 cores"
	@$(PYTEST)

durations: $(VENV)/.dev
	@echo "All tests one after the other, and the processor time of each: 40 minutes"
	@PYTHONPATH=tests $(BIN)/python -m pytest -p cpu_times

# The oldest libraries have no wheels for the newest Python: this takes 3.11 or 3.12. There is no
# torch among them, so it also shows that features need none. The TV-L1 of the oldest OpenCV differs by
# up to .02 px from that of the tested one, so ours is not held to it.
$(OLDEST)/.ready: pyproject.toml constraints-oldest.txt
	@echo "Installing the oldest libraries that are allowed into $(OLDEST) (1 GB on the disk)"
	@$(PYTHON) -m venv $(OLDEST)
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints-oldest.txt -e '.[sample]' scikit-learn pytest hypothesis
	@touch $@

oldest: $(OLDEST)/.ready
	@echo "Some tests, and a run to the features, with these: 2 minutes"
	@$(OLDEST)/bin/python -m pytest -W default -m "not slow" \
	  -k "not torch and not opencvs_to_the_rounding" $(ON_OLDEST)
	@rm -rf $(OLDEST)/out
	@$(OLDEST)/bin/mepipe sample $(OLDEST)/sample --subjects 1 --clips 2
	@$(OLDEST)/bin/mepipe run $(OLDEST)/sample --until pack --out $(OLDEST)/out --cache $(OLDEST)/cache

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
	rm -rf $(VENV) $(OLDEST) demo build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
