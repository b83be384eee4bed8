# The front door of CryptoVault: `make` shows what it opens. Every target sets up what it needs first.
# Settings (CV_…, OTEL_…) are taken from the environment or the command line: make up CV_GATEWAY_PORT=9001

.DEFAULT_GOAL := help
.PHONY: help setup up down status test test-unit check format proto profile bench bench-gateway bench-realtime config-doc lock doctor clean

PYTHON := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)
DURATION ?= 10

help: ## Show this help
	@scripts/help $(MAKEFILE_LIST)

setup: ## Install all that is needed into this folder
	@scripts/setup python frontend

up: ## Start everything and print its URLs (RECORDINGS=folder replays recorded exchanges; Ctrl-C stops)
	@scripts/setup python frontend && exec $(PYTHON) -m launcher up --with-parent

down: ## Stop a stack left running
	@scripts/setup python && exec $(PYTHON) -m launcher down

status: ## Show what runs and how it is
	@scripts/setup python && exec $(PYTHON) -m launcher status

test: ## Run all tests: unit, contract, integration, browser, front end (ARGS="-k name" selects)
	@scripts/setup python frontend && exec $(PYTHON) scripts/test.py all $(ARGS)

test-unit: ## Run the unit tests only (seconds)
	@scripts/setup python && exec $(PYTHON) scripts/test.py unit $(ARGS)

check: ## Check style, types, architecture, protos, manifests and the front end
	@scripts/setup python frontend && exec $(PYTHON) scripts/check.py

format: ## Format the Python code and fix what can be fixed
	@scripts/setup python && .venv/bin/ruff check --fix --quiet; .venv/bin/ruff format

proto: ## Generate stubs and descriptors from proto/
	@scripts/setup python && exec $(PYTHON) scripts/proto.py

profile: ## Flame graph of a running service: SERVICE=prices DURATION=10
	@scripts/setup python && exec $(PYTHON) -m launcher profile "$(SERVICE)" --seconds "$(DURATION)"

bench: ## Measure the figures of the design (ARGS="feeds" selects)
	@scripts/setup python && exec $(PYTHON) scripts/bench.py $(ARGS)

bench-gateway: ## Measure the gateway beside its peers; writes docs/benchmarks/gateway.md (ARGS=--quick)
	@scripts/setup python && exec $(PYTHON) -m bench.gateway $(ARGS)

bench-realtime: ## Measure realtime beside python-socketio and Node; writes docs/benchmarks/realtime.md (ARGS="fanout idle" selects)
	@scripts/setup python && exec $(PYTHON) -m bench.realtime $(ARGS)

config-doc: ## Write docs/configuration.md and the stack table from what the code declares
	@scripts/setup python && exec $(PYTHON) scripts/config_doc.py

lock: ## Pin all Python packages, with hashes, into requirements.lock
	@scripts/setup python && exec $(PYTHON) scripts/lock.py

doctor: ## Say what this machine lacks, and the cure
	@scripts/doctor

clean: ## Remove everything that was installed or built here (the data in .run stays)
	@rm -rf .venv .cache build dist frontend/node_modules frontend/dist
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
