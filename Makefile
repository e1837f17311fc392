.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
BIN := .venv/bin
AT_ONCE ?= 2
MEMBERS := libs/contracts libs/runtime libs/sagas libs/testkit services/ingest services/enricher services/feed-writer services/api cli

.PHONY: help setup demo up down status logs doctor clean lint types check-generated deploy-files unit integration e2e model feed-digests chaos-short chaos test bench bench-analytics bench-live bench-short bench-feeds family-a-20 compose-smoke coverage locust
help: ## list every target
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}'

.venv/.ready: requirements/dev.txt requirements/java.txt $(addsuffix /pyproject.toml,$(MEMBERS))
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Feedmill needs Python 3.11 or newer; this is " + sys.version)'
	[ -x $(PY) ] || python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/java.txt; fi
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	$(PY) -m feedmill.sagas.train
	touch $@

setup: .venv/.ready ## make .venv with the feedmill command, from hashed requirements

demo: setup ## start the platform, do the main job on real input, leave it running
	$(BIN)/feedmill demo

up: setup ## start the local platform and wait until it is ready
	$(BIN)/feedmill up

down: ## drain and stop the local platform; its data stays
	$(BIN)/feedmill down

status: ## the parts of the local platform
	$(BIN)/feedmill status

logs: ## what the parts say
	$(BIN)/feedmill logs

doctor: setup ## is this machine fit, and what to do where it is not
	$(BIN)/feedmill doctor

clean: ## remove what was built here (not the platform's data)
	rm -rf .venv .venv-locust .mypy_cache .ruff_cache .pytest_cache htmlcov .coverage .coverage.*

lint: setup ## ruff, import rules, and what must not be committed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	scripts/slips.sh

types: setup ## mypy --strict, member by member
	scripts/types.sh

check-generated: setup ## generated files are what their sources say, and no released schema is broken
	$(PY) -m feedmill.contracts.generate --check
	$(PY) -m feedmill.contracts.compat
	$(PY) -m feedmill.sagas.corpus --check
	$(PY) -m feedmill.cli.warehouse_doc --check
	$(BIN)/feedmill routes --check >/dev/null
	$(PY) -m feedmill.cli.deployment --check

deploy-files: setup ## write nginx.conf, the merged OpenAPI and the dashboards anew from the code
	$(PY) -m feedmill.cli.deployment

unit: setup ## tests without any server (AT_ONCE=2 files side by side)
	$(BIN)/pytest -q -n $(AT_ONCE) --dist loadfile -m "not integration and not e2e and not chaos" libs services cli tests

integration: setup ## tests on real Kafka, Postgres and ClickHouse (AT_ONCE=2 files side by side)
	$(BIN)/pytest -q -n $(AT_ONCE) --dist loadfile --durations=10 -m "integration" libs services cli tests

e2e: setup ## tests on whole platforms of their own; the longest file begins
	$(BIN)/pytest -q -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder --durations=10 -m "e2e" tests/model tests cli

model: setup ## every feed against the reference model, thousands of runs (RUNS=3000; CI runs 300 within e2e)
	MODEL_RUNS=$(or $(RUNS),3000) MODEL_KILLS=200 $(BIN)/pytest -q tests/model

feed-digests: setup ## push = pull = rebuild for every reader of 20,000 users and 200,000 activities
	FEEDS_USERS=20000 FEEDS_ACTIVITIES=200000 $(BIN)/pytest -q services/feed-writer/tests/integration/test_feed_digests.py

chaos-short: setup ## once, under fire: what CI runs of it (CHAOS_SEED=7)
	$(BIN)/pytest -q -m "chaos" tests/chaos

chaos: setup ## once, under fire: all of it, half an hour (SEED=n repeats a run, THROUGH=command runs each part by it)
	PYTHONPATH=tests $(PY) -m chaos.run --full $(if $(SEED),--seed $(SEED)) $(if $(THROUGH),--through "$(THROUGH)")

test: lint types check-generated unit integration e2e chaos-short bench-short ## everything CI runs

bench: setup ## measure against the bare tools, five rounds in turns; fills docs/performance.md
	$(PY) -m bench --write docs/performance.md

bench-analytics: setup ## the warehouse's part: interests at 10 M readings, inserts, event to analyst-visible
	$(PY) -m bench --only readings --only clickhouse_sink --only analyst_visible --only freshness --rounds 2

bench-live: setup ## 5,000 idle streams of home feeds: memory a stream, and how soon all are told
	$(PY) -m bench --only live

bench-short: setup ## a few small rounds: ratios against generous floors, a table
	$(PY) -m bench --short

bench-feeds: setup ## the feed engine's figures, five rounds in turns; fills docs/feeds.md
	$(PY) -m bench.feeds --write docs/feeds.md

family-a-20: setup ## family A's end-to-end tests 20 times in a row, on one platform
	FAMILY_A_ROUNDS=20 $(BIN)/pytest -q --timeout=900 tests/e2e/test_family_a_keys.py tests/e2e/test_family_a_writes.py tests/e2e/test_family_a_feeds.py tests/e2e/test_family_a_sessions.py

compose-smoke: ## build and start the compose stack beside anything, post through nginx, read back, take it away (needs docker)
	scripts/compose-smoke.sh

coverage: setup ## HTML report of libs and services, the running platform's processes included: htmlcov/index.html
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -q -m "not chaos" libs services cli tests
	$(BIN)/coverage combine -q
	$(BIN)/coverage html -q
	$(BIN)/coverage report --fail-under=90

locust: setup ## Locust with family A's mix against the running platform: http://127.0.0.1:8089
	[ -x .venv-locust/bin/locust ] || python3 -m venv .venv-locust
	.venv-locust/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/locust.txt
	.venv-locust/bin/locust -f bench/locustfile.py
