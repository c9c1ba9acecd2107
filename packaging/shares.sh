#!/bin/sh
# shares.sh PREFIX: writes the man page and the shells' completions of PREFIX/bin/m2agent to where
# man and the shells look, beside its bin.
set -eu
prefix=$1
write() {
    mkdir -p "$(dirname "$prefix/share/$1")"
    file=$prefix/share/$1
    shift
    "$prefix/bin/m2agent" "$@" > "$file"
}
write man/man1/m2agent.1 manual
write bash-completion/completions/m2agent completion bash
write zsh/site-functions/_m2agent completion zsh
write fish/vendor_completions.d/m2agent.fish completion fish
