# What people type: `make demo` to see it, `make test` to see it proven. `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
CONTENT := $(CURDIR)/collab_stack/ansible
JOBS ?= 2
# A file's tests share one process, and so what is dear to set up; files in their order, the longest are first.
PARALLEL = --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

# What ansible-lint and ansible-playbook need to find our modules; `collab-stack` sets the same for its own runs.
ANSIBLE := ANSIBLE_LIBRARY=$(CONTENT)/modules ANSIBLE_MODULE_UTILS=$(CONTENT)/module_utils \
  ANSIBLE_ACTION_PLUGINS=$(CONTENT)/plugins/action ANSIBLE_ROLES_PATH=$(CURDIR)/roles

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

$(BIN)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: apt-get install python3")'
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "python3-venv is needed: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $@

.PHONY: demo
demo: $(BIN)/.installed ## Deploy Nextcloud behind Keycloak in a lab on this machine, ready to log in
	$(BIN)/python -m collab_stack.lab.demo demo

.PHONY: clean
clean: ## Remove the lab, the demo site and everything built, but no cache of downloads
	if [ -x $(BIN)/collab-stack ]; then $(BIN)/collab-stack lab down --all; fi
	rm -rf .venv demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: lint
lint: $(BIN)/.installed ## Style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	$(ANSIBLE) $(BIN)/ansible-lint --nocolor --strict

.PHONY: test-fast
test-fast: $(BIN)/.installed ## Unit and contract tests, no Docker, about a minute
	$(BIN)/pytest $(PARALLEL)

.PHONY: test
test: lint ## Everything: lint, types, unit, contract, the lab with browser, Molecule
	COLLAB_FUZZ=$${COLLAB_FUZZ:-10000} $(BIN)/pytest $(PARALLEL)
	$(BIN)/python -c 'from collab_stack.lab.engine import main; main()'
	$(BIN)/pytest tests/lab tests/browser
	$(BIN)/python -m tests.molecule_all

.PHONY: test-upstream
test-upstream: $(BIN)/.installed ## The lab's tests against upstream's images, where a registry answers
	$(BIN)/python -c 'from collab_stack.lab.engine import main; main()'
	COLLAB_LAB_IMAGES=upstream $(BIN)/pytest tests/lab tests/browser

.PHONY: bench
bench: $(BIN)/.installed ## Measure deploy, re-deploy, probe and check in the lab, and print the figures
	$(BIN)/python -c 'from collab_stack.lab.engine import main; main()'
	$(BIN)/python -m tests.bench
