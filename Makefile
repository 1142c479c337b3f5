# The README's two commands are `make demo` and `make test`. Everything is made in .venv beside this file.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint crash bench docs format clean
.DEFAULT_GOAL := test

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[local]' --group dev
	touch $(READY)

demo: $(READY)
	$(BIN)/penstock demo

test: $(READY) lint
	$(BIN)/python -m pytest -q -n 3 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crash: $(READY)
	$(BIN)/python -m tests.crash --every

bench: $(READY)
	$(BIN)/python -m bench

docs: $(READY)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group docs
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_picture.py
	PYTHONPATH=. $(BIN)/python docs/make_pages.py
	$(BIN)/mkdocs build --quiet --strict

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
