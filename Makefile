# Two commands: `make up` runs everything, `make test` proves it. Windows: the same steps through `python -m` in README.md.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
unexport PYTHONDONTWRITEBYTECODE  # else each of the processes compiles every module again

.PHONY: up down install test lint docs bench clean

up: install  ## Install, prepare the data folder, run the whole system until Ctrl-C
	$(BIN)/trifecta init
	$(BIN)/trifecta up $(ARGS)

down:  ## Stop a system that another terminal started
	$(BIN)/trifecta down

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip  # before 24, hashes and extras of one package do not go together
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

test: install lint  ## Check style, types and layers, then run every test
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install  ## Build the documentation into site/; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: install  ## Print every figure as a ratio against a peer or a limit measured in the same run
	$(BIN)/python -m tests.bench $(ARGS)

clean:  ## Remove everything that can be made again; data stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
