# The README's two commands are `make demo` and `make test`. Everything is made in .venv beside this file.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools

.PHONY: demo test lint crash bench docs format clean
.DEFAULT_GOAL := test

# What runs, and no more: `make demo` needs nothing that only developers use.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[local]'
	touch $(READY)

$(TOOLS): $(READY)
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[local,databases]' --group dev
	touch $(TOOLS)

demo: $(READY)
	$(BIN)/penstock demo

# Whole releases run side by side here, on few cores. What fails is run once more, alone: a fault fails again, and stops the run.
test: $(TOOLS) lint
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder || \
	  { echo "once more, alone:"; $(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none --maxfail 2; }

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(TOOLS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crash: $(TOOLS)
	$(BIN)/python -m tests.crash --every

bench: $(TOOLS)
	$(BIN)/python -m bench

docs: $(TOOLS)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group docs
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_picture.py
	PYTHONPATH=. $(BIN)/python docs/make_pages.py
	$(BIN)/mkdocs build --quiet --strict

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
