# Two commands do everything on a fresh machine: `make demo` and `make test`. Both set up .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BASE   ?= smollm2

.PHONY: demo test check format docs clean

# The stamp is renewed when what is to be installed changes.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@

## Fine-tune a small real model on five real code tasks, keep them in balance, show the result (about five minutes).
demo: $(VENV)/.installed
	rm -rf runs/demo
	$(BIN)/mft run recipes/demo.toml --base $(BASE) $(if $(filter tiny,$(BASE)),--model llama)

## All tests, a file at a time on every core.
test: $(VENV)/.installed check
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

## Style, types.
check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## docs/cli.md from the commands themselves.
docs: $(VENV)/.installed
	$(BIN)/python docs/generate_cli.py

clean:
	rm -rf $(VENV) runs dist build
