# One word a job.  `make setup` is implied by the others and runs once per change of the pinned dependencies.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
DEV_STAMP := $(VENV)/.dev-stamp
GROUP ?= all
MINUTES ?= 10
export PYTHONDONTWRITEBYTECODE ?= 1

.PHONY: setup demo test check bench conformance test-real soak clean

$(STAMP): pyproject.toml constraints.txt setup.py $(wildcard native/Cargo.toml native/src/*.rs native/src/*/*.rs)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	touch $@

$(DEV_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,test,dev]'
	touch $@

setup: $(DEV_STAMP)

demo: $(STAMP)
	$(BIN)/kappa demo flights

test: $(DEV_STAMP)
	$(BIN)/python -m pytest -q tests

check: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --level error
	$(BIN)/lint-imports

conformance: $(DEV_STAMP)
	$(BIN)/kappa sql test "$${KAPPA_KSQL_CASES:?set it to the folder of query cases}" --form both

bench: $(STAMP)
	$(BIN)/python -m benchmarks.run --group $(GROUP)

clean:
	rm -rf $(VENV) build dist native/target src/*.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
