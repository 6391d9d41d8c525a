# Two commands do everything on a fresh machine: `make demo` and `make test`. Both set up .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BASE   ?= smollm2

.PHONY: demo test check format docs bench clean

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

## Side by side with TRL and Hugging Face's Trainer: about half an hour; docs/performance.md holds what came out.
bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group bench
	for part in head lora_linear packing token_memory end_to_end "end_to_end --balancers"; do \
		echo "== $$part"; set -- $$part; $(BIN)/python benchmarks/$$1.py $$2 || exit 1; done

clean:
	rm -rf $(VENV) runs dist build
