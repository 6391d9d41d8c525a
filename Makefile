# Two commands do everything on a fresh machine: `make demo` and `make test`. Both set up .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BASE   ?= smollm2
# A file's tests stay together, for its fixtures to be made once; the files in their order, for the last to be short ones.
# Compiled test modules are kept, whatever the environment says: without, each process takes eight seconds longer.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: demo demo-data tutorial quick test slow check format docs site bench clean

# The stamps are renewed when what is to be installed changes.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

# What only developers need: pytest, ruff, mypy, Triton for its interpreter.
$(VENV)/.developing: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	touch $@

## Fine-tune a small real model on five real code tasks, keep them in balance, show the result.
demo: $(VENV)/.installed
	rm -rf runs/demo
	$(BIN)/mft run recipes/demo.toml --output runs/demo --base $(BASE) $(if $(filter tiny,$(BASE)),--model llama)

## A small model on this machine writes 20 exercises, checked by running them: docs/making.md. Poor ones, as it is small.
demo-data: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[make]'
	$(BIN)/mft data make recipes/exercises.toml --output made/exercises --base $(BASE)

## Does multi-task pay? The paper's three questions, small: docs/tutorial.md. Interrupted, the same command goes on.
tutorial: $(VENV)/.installed
	$(BIN)/mft compare recipes/tutorial.toml --seeds 3 --unseen text2code --output runs/tutorial \
		--base $(BASE) $(if $(filter tiny,$(BASE)),--model llama)

## Before a commit: style, and the tests that take no time (a minute and a half on two cores).
quick: $(VENV)/.developing
	$(BIN)/ruff check .
	$(PYTEST) -m "not slow"

## All tests, on every core (twelve minutes at most on two).
test: $(VENV)/.developing check
	$(PYTEST)

## Real runs, several processes, models that learn: the tests that `quick` leaves out.
slow: $(VENV)/.developing
	$(PYTEST) -m slow

## Style, types.
check: $(VENV)/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.developing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## docs/cli.md from the commands themselves, docs/recipe.md from the schema.
docs: $(VENV)/.developing
	$(BIN)/python docs/generate_cli.py
	$(BIN)/python docs/generate_recipe.py

## The documentation as a site: open site/index.html. A dead link fails it.
site: $(VENV)/.developing docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo 'open site/index.html; with search: $(BIN)/python -m http.server -d site'

## Side by side with TRL and Hugging Face's Trainer: about half an hour; docs/performance.md holds what came out.
bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group bench
	for part in startup head attention lora_linear fused_layers packing token_memory end_to_end "end_to_end --balancers --samples 60"; do \
		echo "== $$part"; set -- $$part; name=$$1; shift; $(BIN)/python benchmarks/$$name.py "$$@" || exit 1; done

clean:
	rm -rf $(VENV) runs dist build site
