# The doors into the project. Each makes what it needs; none needs root.
PY := .venv/bin/python
STAMP := .venv/.installed
TEST_STAMP := .venv/.installed-for-tests
PLANT_DIR ?= var/plant
PORT_OFFSET ?= 0
UNIT := tests/test_architecture.py tests/sparkplug tests/redundancy/core tests/hmi/plant tests/hmi/tags tests/hmi/gateways

.PHONY: demo test check conformance interchange faults foreign-edges bench proto
.DEFAULT_GOAL := demo

.venv/bin/python:
	python3 -m venv .venv

$(STAMP): requirements.txt | .venv/bin/python
	@echo "installing what the plant needs"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(TEST_STAMP): tests/requirements.txt $(STAMP)
	@echo "installing what the tests need"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

# The six-gateway plant and its witness, in the foreground.
demo: $(STAMP)
	@exec $(PY) manage.py plant up --dir "$(PLANT_DIR)" --port-offset "$(PORT_OFFSET)"

# Everything. First what a clock rules and real brokers serve, in lanes beside each other (tests/conftest.py) and
# beside the real browser, which is a process of its own. Then the real plant, which goes first wherever it has
# something to do; what it leaves idle goes to those tests that can wait.
LANES := --dist loadgroup --no-loadscope-reorder
test: $(TEST_STAMP)
	@$(PY) tests/prepare.py
	@said=$$(mktemp); $(PY) -m pytest -m "browser and not plant" > "$$said" 2>&1 & browser=$$!; \
	$(PY) -m pytest -n 4 $(LANES) -m "not plant and not browser and not fault and not unhurried"; \
	lanes=$$?; wait $$browser; seen=$$?; cat "$$said"; rm "$$said"; [ $$lanes = 0 ] && [ $$seen = 0 ]
	@said=$$(mktemp); nice -n 19 $(PY) -m pytest -n 2 $(LANES) -m "unhurried and not browser" > "$$said" 2>&1 & lanes=$$!; \
	$(PY) -m pytest -m "plant or fault_fast"; \
	plant=$$?; wait $$lanes; quiet=$$?; cat "$$said"; rm "$$said"; [ $$plant = 0 ] && [ $$quiet = 0 ]

# What a commit must pass: format, lint, types, import contracts, migrations, unit tests. Under 90 s.
check: $(TEST_STAMP)
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache
	@$(PY) manage.py makemigrations --check --dry-run
	@SIM_HISTORIES=200 $(PY) -m pytest -q -n 2 --dist loadfile $(UNIT)

# Every statement of the Sparkplug 3.0 specification for edge nodes and hosts, and the test that proves it.
conformance: $(TEST_STAMP)
	@$(PY) -m tests.conformance

# Payloads to and from Sparkplug libraries that others wrote, installed below .venv/peers; writes
# docs/interchange.md. Needs the network the first time, and npm for one of them.
interchange: $(TEST_STAMP)
	@$(PY) -m tests.interchange

# The fault matrix on real processes, with real cuts where root is at hand; writes docs/faults.md. Goes on where
# it was stopped; AGAIN=1 begins anew. The long series: python -m tests.faults turns, schedules, ... --help
faults: $(TEST_STAMP)
	@$(PY) -m tests.faults $(if $(AGAIN),--again)

# Edge nodes that others wrote through every kind of changeover; writes docs/foreign-edges.md.
foreign-edges: $(TEST_STAMP)
	@$(PY) -m tests.foreign

bench: $(TEST_STAMP)
	@$(PY) -m tests.bench

# After editing sparkplug/sparkplug_b.proto.
proto: $(TEST_STAMP)
	@$(PY) -m grpc_tools.protoc -I . --python_out=. --pyi_out=. sparkplug/sparkplug_b.proto
