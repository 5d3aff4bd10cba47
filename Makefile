# One word a job.  `make setup` is implied by the others and runs once per change of the pinned dependencies.
#
#   make demo                        the main job on real data; needs only Python >= 3.11 and make
#   make setup                       a .venv with everything, the native kernel built where Rust is
#   make check                       format, lint, types, import ladder
#   make test                        all tests but the longer rounds on real clusters
#   make conformance                 the outside query tests in $KAPPA_KSQL_CASES; the table of clients
#   make test-real PART=engine       longer rounds: engine, chaos, clients, streams, operations
#   make test-real DATE=2026-12-01   the slice of them that continuous integration runs on that day
#   make sim SEED=7                  one simulated world again, with everything that happens in it
#   make soak PART=kernel MINUTES=n  property tests with new seeds; counts are kept in tests/rounds/soaked.json
#   make bench GROUP=...             against Kafka Streams: filter, group, window, keys, latency, formats, joins, windows,
#                                    exactly-once, restore, all; against Quix Streams: quix; against Apache Kafka's
#                                    broker: broker; columns against rows: operators; alone: queries, planning
#   make docs                        write the generated pages and numbers again
#   make clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
DEV_STAMP := $(VENV)/.dev-stamp
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
NATIVE := $(wildcard native/Cargo.toml native/src/*.rs native/src/*/*.rs)
GROUP ?= all
PART ?=
DATE ?=
SEED ?= 1
MINUTES ?= 10
TEST_PROCESSES ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: setup demo test check bench conformance test-real sim soak docs clean

$(STAMP): pyproject.toml constraints.txt setup.py $(NATIVE)
	@$(PYTHON) -c 'import sys; sys.exit("kappaflow needs Python 3.11 or later; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV); this takes a minute, up to three where the native kernel is compiled ..."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[demo]'
	touch $@

$(DEV_STAMP): $(STAMP)
	$(PIP) -e '.[demo,test,dev]'
	touch $@

setup: $(DEV_STAMP)

demo: $(STAMP)
	$(BIN)/kappa demo flights

test: $(DEV_STAMP)
	$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadgroup --no-loadscope-reorder -m 'not real' tests $(PYTEST_ARGS)

check: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --level error
	$(BIN)/lint-imports

# Judged by the recorded floor, which the tests hold; the last line counts the query tests.
conformance: $(DEV_STAMP)
	KAPPA_ALL_CASES=1 $(BIN)/python -m pytest -q -rs -m 'not real' tests/conformance --ignore tests/conformance/clients
	$(BIN)/python tests/rounds/conformance.py
	@if [ -n "$$KAPPA_KSQL_CASES" ]; then $(BIN)/kappa sql test "$$KAPPA_KSQL_CASES" --form both | tail -n 1; fi

test-real: $(DEV_STAMP)
	@$(BIN)/python tests/rounds/real.py $(if $(DATE),--date '$(DATE)',--part '$(PART)')

sim: $(DEV_STAMP)
	@$(BIN)/python -m kappaflow.testing.simulation.run '$(SEED)'

soak: $(DEV_STAMP)
	@$(BIN)/python tests/rounds/soak.py --part '$(PART)' --minutes '$(MINUTES)'

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmarks.$(or $(patsubst queries,many_queries,$(patsubst broker,broker_run,$(filter broker operators queries planning,$(GROUP)))),run) --group $(GROUP) $(BENCH_ARGS)

docs: $(DEV_STAMP)
	$(BIN)/python docs/write_reference.py

clean:
	rm -rf $(VENV) build dist native/target src/*.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f src/kappaflow/kernel/_native*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
