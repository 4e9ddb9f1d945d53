# The same few verbs on a laptop and in CI.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Tests start hundreds of processes, which shall not compile the product anew each time.
unexport PYTHONDONTWRITEBYTECODE

# Test processes beside each other: one more than CI has cores, since tests wait a good part of their time.
# PYTEST_ARGS=-n0 is for one, as a debugger needs.
TEST_PROCESSES ?= 3

# A file of tests stays in one process. TESTS selects other folders or files than those of the verb.
PYTEST = $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install run dist test-quick test test-system test-cluster check bench bench-cluster soak lock clean chromium postgresql deployed jdk

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

$(VENV)/.run: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.run  ## the virtual environment, from the lock file

run: install  ## the server on http://127.0.0.1:8080, data under ./trackway-data
	$(BIN)/trackway serve

# The version is in src/trackway/__init__.py alone. A tag on the commit must name it.
dist: $(VENV)/.dev  ## wheel and sdist in dist/, for the version of src/trackway/__init__.py
	.ci/tag-names-version "$$($(BIN)/hatchling version)"
	rm -rf dist
	$(BIN)/hatchling build -d dist

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq nodejs npm; }
	npm ci --silent --no-audit --no-fund

# Without a window and what draws one it takes two thirds of the processor time.
chromium:
	@command -v chromium-headless-shell >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium-headless-shell; }

postgresql:
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; }

# What serves and watches a server in production: tests run all of it. The packages' own services stay off.
deployed:
	@ls /usr/sbin/nginx /usr/bin/caddy /usr/sbin/haproxy /usr/bin/promtool /usr/bin/systemd-analyze >/dev/null 2>&1 || { apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends nginx-light caddy haproxy prometheus systemd; }

jdk:
	@command -v javac >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jdk-headless; }

# Query clients and import tools, whose dependencies are not those of the other tests.
.clients/.installed: tests/support/clients/requirements.lock
	$(PYTHON) -m venv .clients
	.clients/bin/pip install --quiet --no-compile --require-hashes -r $<
	@touch $@

tests/support/clients/node_modules/.package-lock.json: tests/support/clients/package.json tests/support/clients/package-lock.json node_modules/.package-lock.json
	npm --prefix tests/support/clients ci --silent --no-audit --no-fund

test-quick: $(VENV)/.dev  ## unit tests: no engine, no server, a minute
	$(PYTEST) --hypothesis-profile=quick $(or $(TESTS),tests/unit) $(PYTEST_ARGS)

# Pages in a browser, commands in processes of their own, kills, floods and damage, what waits for deadlines, compacts
# again and again, or compares much with a model: three quarters of the time of all tests with an engine or a server.
# `make test-system` runs them.
SLOW_TESTS = tests/wire/web tests/wire/cli tests/store/compaction tests/store/ageing tests/store/erasure/test_killed.py \
	tests/store/loader/test_damage.py $(addprefix tests/store/query/,sql/test_cohort.py test_export_sql.py \
	test_export_where.py expressions/test_against_interpreter.py test_read_only_sql.py) \
	tests/wire/reports/test_against_model.py $(addprefix tests/wire/test_,alerts.py isolation.py person_tasks.py \
	rotation.py secrets.py sign_in_flood.py slow_store.py store_on_cluster.py)

test: $(VENV)/.dev node_modules/.package-lock.json chromium postgresql  ## unit tests, and those with the engine or one server
	$(PYTEST) $(or $(TESTS),tests/store tests/wire tests/unit $(addprefix --ignore=,$(SLOW_TESTS))) $(PYTEST_ARGS)

test-system: $(VENV)/.dev node_modules/.package-lock.json .clients/.installed tests/support/clients/node_modules/.package-lock.json chromium postgresql deployed jdk  ## pages, commands, kills, fuzzing, real SDKs and clients
	$(PYTEST) $(or $(TESTS),tests/system $(SLOW_TESTS)) $(PYTEST_ARGS)

# Every test of queries and of loading, and those of the wire that ask the store most.
STORE_TESTS = tests/store/store/test_two_shards.py tests/store/query tests/store/loader tests/store/compaction \
	tests/store/lookup tests/store/erasure tests/store/ageing $(addprefix tests/wire/test_,deduplication.py export.py \
	identity.py identity_api.py lookup_tables.py profile_query.py profiles.py rejected_events.py sql.py)

# TEST_TRACKWAY_STORE_URL and TEST_TRACKWAY_STORE_CLUSTER name a real cluster of ClickHouse; see docs/scale.md.
test-cluster: $(VENV)/.dev  ## a journal on three servers of NATS: kills, freezes, moves; the store on two shards
	$(PYTEST) $(or $(TESTS),tests/cluster) $(PYTEST_ARGS)
	TEST_TRACKWAY_STORE=two-shards $(PYTEST) $(or $(TESTS),$(STORE_TESTS)) $(PYTEST_ARGS)

check: $(VENV)/.dev  ## ruff, mypy --strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## figures as ratios in one run; see docs/benchmarks.md
	$(BIN)/python -m bench

bench-cluster: $(VENV)/.dev  ## a journal on three servers of NATS against one in files
	$(BIN)/python -m bench.cluster

soak: $(VENV)/.dev  ## the crash test, hundreds of kills
	$(BIN)/python -m pytest -m soak tests/system/crash --timeout=7200 -s

lock: $(VENV)/.dev  ## renew the lock files
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras -o requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras -o tests/support/clients/requirements.lock tests/support/clients/requirements.in

clean:  ## what the verbs above made, but never data
	rm -rf $(VENV) dist node_modules .clients tests/support/clients/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
