# Each target first makes .venv if it is missing or its lock has changed. PYTHON=python3.12 makes it with this Python (.ci/setup).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# In a hook or an alias Git sets variables that would make the commands use another repository. PYTHONWARNINGS=error would
# make a deprecation warning of a library an error.
unexport GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_NAMESPACE GIT_PREFIX PYTHONWARNINGS
READY := .venv/.ready
PYTHON := $(or $(PYTHON),$(shell sed -n 's/^PYTHON=//p' .venv/.ready 2> /dev/null))
LOCKS := $(strip requirements.lock $(if $(filter 1,$(TEAM))$(shell grep -s '^dvc-s3==' .venv/.ready),.ci/requirements-team.lock))
HOSTED = $(if $(filter Linux,$(shell uname)),.venv-ci/.ready)  # the environment of the tests that run the workflows; Linux only

.PHONY: help setup run study test test-all mutants check verify track ui bench live lock clean
.DEFAULT_GOAL := help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## .venv from requirements.lock, and nothing else; the others do it if need be; TEAM=1: S3, ssh, WebDAV too

run: $(READY)  ## the whole experiment from nothing: dvc repro --force (dvc repro: only what has changed)
	@python src/prepare.py --check
	@dvc repro --force
	@echo "Open reports/report.html in a browser: the whole experiment; reports/live.html: trained again there; reports/inside.html: a look inside. \`make ui\` shows every run in MLflow."

study: $(READY)  ## train what the questions in studies/ still need, and write their pages; STUDY=studies/x.yaml is one of them
	@for file in $(if $(STUDY),'$(STUDY)',studies/*.yaml); do charloom study "$$file"; done

test: $(READY) $(if $(SLOW),$(HOSTED))  ## the tests, in a minute or two, the first time three; SLOW=1: those too that are marked slow
	@python -m pytest --ignore=tests/all $(if $(SLOW),,-m "not slow")

# One worker more than processors: some tests mostly wait.
test-all: $(READY) $(HOSTED)  ## all tests, those that take long too: kills, full disks, damaged files, processors, outages; 25 to 45 minutes
	@python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --hypothesis-profile=random --durations=10

mutants: $(READY)  ## plant the faults of tests/mutants.toml, one at a time: its test catches each; NAMES=a,b are some; ALL=1: or any of make test
	@env -u MAKEFLAGS NAMES='$(NAMES)' ALL='$(ALL)' python tests/mutants.py

# act, which runs GitHub's workflows.
.venv-ci/.ready: tests/hosted/requirements.txt | $(READY)
	@echo "making .venv-ci from $<"
	@uv venv --quiet --clear --python .venv/bin/python .venv-ci
	@uv pip install --python .venv-ci --quiet --require-hashes -r $<
	@touch $@

verify: $(READY)  ## rebuild the committed results from nothing and compare them bit for bit
	@charloom verify

check: $(READY)  ## lint, format, types, the order of the packages
	@ruff check .
	@zizmor --quiet --offline --pedantic .github/workflows template/.github/workflows
	@ruff format --check .
	@mypy src packages/*/src
	@lint-imports --no-logo

track: $(READY)  ## send to MLflow what it has missed
	@charloom track

ui: $(READY)  ## every run, in MLflow's pages, on this machine alone: http://127.0.0.1:5000; PORT=5001 is another port
	@charloom ui $(if $(PORT),--port '$(PORT)')

bench: $(READY) .venv-bench/.ready  ## time updates, compared with others; writes benchmarks/performance.md
	@python benchmarks/run.py

.venv-bench/.ready: benchmarks/requirements.txt | $(READY)
	@uv venv --quiet --clear --seed --python .venv/bin/python .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

FROM ?= src/charloom/pages/live
live: .venv-live/.ready  ## compile the arithmetic of reports/live.html to WebAssembly: the same bytes on every machine
	@.venv-live/bin/python -m ziglang build-exe -target wasm32-freestanding -mcpu=generic+simd128+bulk_memory -O ReleaseFast \
	    -fno-entry -rdynamic -fstrip -femit-bin='$(FROM)/kernel.wasm' '$(FROM)/sha256.zig' \
	    -cflags -O3 -ffp-contract=off -fno-sanitize=undefined -fno-builtin -fvisibility=default -Wall -Werror -- '$(FROM)/kernel.c'
	@chmod 644 '$(FROM)/kernel.wasm'

.venv-live/.ready: src/charloom/pages/live/requirements.txt | $(READY)
	@uv venv --quiet --clear --python .venv/bin/python .venv-live
	@uv pip install --python .venv-live --quiet --require-hashes -r $<
	@touch $@

lock: $(READY)  ## requirements.lock from pyproject.toml, each requirements.txt from its .in; what stops the next Python
	@cp requirements.lock .requirements.lock.new
	@uv pip compile pyproject.toml -q --universal --python-version 3.11 --generate-hashes \
	    --extra cluster --extra dev --extra setup --no-emit-index-url --custom-compile-command 'make lock' -o .requirements.lock.new
	@uv pip compile pyproject.toml -q --universal --python-version 3.11 --generate-hashes --extra team -c .requirements.lock.new \
	    --no-emit-index-url --no-header --no-annotate | awk 'NR == FNR { known[$$1]; next } /^[^ ]/ { new = !($$1 in known) } new' \
	    .requirements.lock.new - > .ci/.requirements-team.lock.new
	@for each in tests/all tests/hosted src/charloom/pages/live; do uv pip compile $$each/requirements.in -q --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' -o $$each/requirements.txt; done
	@python .ci/wheels.py .requirements.lock.new .ci/.requirements-team.lock.new
	@mv .requirements.lock.new requirements.lock; mv .ci/.requirements-team.lock.new .ci/requirements-team.lock

clean:  ## remove .venv and caches; results and the MLflow record stay
	@rm -rf .venv .venv.new .venv-live .venv-ci .import_linter_cache .mypy_cache .ruff_cache .pytest_cache
	@find src packages tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@find . -name '.*.new' -type f -delete

# .ci/setup compares contents, not times.
$(READY): FORCE
	@PYTHON='$(PYTHON)' bash .ci/setup $(LOCKS)

FORCE:
