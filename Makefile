# What this project can be told to do. `make help` lists it.
#
# Variables:
#   PYTHON=python3.12    the Python (3.11 or later) that .venv is made with; else one is looked for
#   ARGS="-k forgery"    more arguments for `make test`
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
INSTALLED := .venv/.installed
CONTRACT := proto/verifier_service
BASELINE := proto/baseline.binpb
FETCH := $(BIN)/python scripts/fetch_models.py smollm2-135m
CHECKS := lint format types imports contract stubs compatibility documents

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## Install the project and its tools into .venv

$(INSTALLED): pyproject.toml scripts/install.sh
	@PYTHON="$(PYTHON)" scripts/install.sh
	@touch $@

# Demo and tests go on without the model where there is no network, and say so.
.PHONY: model
model: $(INSTALLED) ## Fetch the small model that demo and tests ask (98 MB, once)
	@$(FETCH)

.PHONY: demo
demo: $(INSTALLED) ## Judge real model-written solutions, right and wrong, and some cheats
	@$(FETCH) >/dev/null || true
	@$(BIN)/verifier demo

.PHONY: test
test: $(INSTALLED) ## Run the tests, warnings as errors
	@$(FETCH) >/dev/null || true
	$(BIN)/python -m pytest -q $(ARGS)

.PHONY: check
check: $(CHECKS:%=check-%) ## Check style, types, imports, contract, stubs and documents
	@echo "All checks passed."

.PHONY: $(CHECKS:%=check-%)

check-lint: $(INSTALLED)
	$(BIN)/ruff check .

check-format: $(INSTALLED)
	$(BIN)/ruff format --check .

check-types: $(INSTALLED)
	$(BIN)/mypy

check-imports: $(INSTALLED)
	$(BIN)/lint-imports --no-logo

check-contract: $(INSTALLED)
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against $(BASELINE)

check-stubs: $(INSTALLED)
	PYTHON=$(BIN)/python scripts/check_stubs.sh

check-compatibility: $(INSTALLED)
	PYTHON=$(BIN)/python scripts/check_stub_compatibility.sh

check-documents: $(INSTALLED)
	$(BIN)/python -m pytest -q tests/project tests/test_error_documents.py

.PHONY: proto
proto: $(INSTALLED) ## Generate the committed stubs from proto/
	PYTHON=$(BIN)/python scripts/generate_stubs.sh

# The contract that `make check` compares with. It moves with a release, and only then: what a
# released contract promises stays promised.
.PHONY: baseline
baseline: $(INSTALLED) ## Make today's contract the one that later changes must not break
	$(BIN)/buf build --path $(CONTRACT) --exclude-source-info --output $(BASELINE)

.PHONY: bench
bench: $(INSTALLED) ## Measure what the service itself costs, as ratios within one run
	$(BIN)/python -m benchmarks.server_overhead
	$(BIN)/python -m benchmarks.latency
