.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
BIN := .venv/bin
MEMBERS := libs/contracts libs/runtime libs/testkit services/ingest services/enricher services/feed-writer services/api cli

.PHONY: help setup
help: ## list every target
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}'

.venv/.ready: requirements/dev.txt $(addsuffix /pyproject.toml,$(MEMBERS))
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Feedmill needs Python 3.11 or newer; this is " + sys.version)'
	[ -x $(PY) ] || python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	touch $@

setup: .venv/.ready ## make .venv with the feedmill command, from hashed requirements
