# Sourced by .ci/run and .ci/nightly: the scratch directory, steps that report their
# time, interpreters, virtual environments and Redis.
# shellcheck shell=bash
set -Eeuo pipefail
exec </dev/null

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$checkout"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
export MYPY_CACHE_DIR="$scratch/mypy" RUFF_CACHE_DIR="$scratch/ruff"
export COVERAGE_FILE="$scratch/coverage"
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME

# step TITLE: print the time of the step before, and begin another.
title="" began=0 times=()
finish() {
    if [[ -n $title ]]; then
        times+=("$(printf '%5d s  %s' "$((SECONDS - began))" "$title")")
        printf '    done in %d s: %s\n' "$((SECONDS - began))" "$title"
    fi
}
step() {
    finish
    title=$1 began=$SECONDS
    printf '\n=== %s\n' "$title"
}
trap 'printf "\n!!! FAILED after %d s: %s\n" "$((SECONDS - began))" "$title" >&2' ERR

# summary: print the time of every step.
summary() {
    finish
    printf '\n'
    printf '%s\n' "${times[@]}"
    printf '\nAll steps passed in %d s.\n' "$SECONDS"
}

# install_packages NAME...: install Debian packages.
install_packages() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$@"
}

# make_venv PYTHON DIRECTORY
make_venv() {
    if ! "$1" -c 'import ensurepip' 2>/dev/null; then
        install_packages "$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    "$1" -m venv "$2"
}

# find_pythons: set `pythons` to the supported CPythons of this machine, oldest first.
find_pythons() {
    local minor candidate found
    pythons=()
    for minor in 11 12 13 14; do
        # A shim on PATH may stand for a missing interpreter, so run each candidate.
        for candidate in "python3.$minor" "${HOME:-/root}/.pyenv/versions/3.$minor."*/bin/python python3; do
            if found=$("$candidate" -c "
import platform, sys
assert sys.version_info[:2] == (3, $minor) and platform.python_implementation() == 'CPython'
print(sys.executable)" 2>/dev/null); then
                pythons+=("$found")
                printf '3.%s: %s (%s)\n' "$minor" "$found" "$("$found" --version)"
                continue 2
            fi
        done
        printf '3.%s: not found\n' "$minor"
    done
    if ((${#pythons[@]} == 0)); then
        echo "no CPython 3.11 to 3.14 found" >&2
        false
    fi
}

# require_redis: make a missing redis-server an error instead of a reason to skip tests.
require_redis() {
    if ! command -v redis-server; then
        install_packages redis-server
    fi
    export CI_REQUIRES_REDIS=1
}

# require_netns: make it an error instead of a reason to skip tests if no network
# namespaces can be made.
require_netns() {
    if ! command -v ip; then
        install_packages iproute2
    fi
    export CI_REQUIRES_NETNS=1
}
