#!/usr/bin/env bash
# Set up what the tests need, and run them.
#
# Usage: tools/run_tests.sh [--stack maintained|original] [options of pytest]
#
#   --stack maintained  everything, in .venv (the default); the first time, mmcv's ops are
#                       compiled, some minutes on 2 cores
#   --stack original    the pre-training tests on the original OpenMMLab releases, in .venv-original
#   -n N                in N processes (pytest-xdist; default: one for each core and 3 GB of free
#                       memory), or, with -n 0, in this one
#
# Examples:
#   tools/run_tests.sh
#   tools/run_tests.sh -n 0 tests/models -k queue
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

if wants_help "${1:-}"; then
    show_help
    exit 0
fi
STACK=maintained
if [[ "${1:-}" == --stack ]]; then
    STACK=${2:-}
    shift $(($# > 1 ? 2 : 1))
fi
cd "$ROOT"
# The networks of the tests are tiny: more threads only wait for each other.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# Tests of a file share what it makes, so they stay in one process.
SHARED=(-n "$(processes_of 3)" --dist loadfile)
case "$STACK" in
    maintained)
        tools/setup_env.sh tests
        exec .venv/bin/python -m pytest "${SHARED[@]}" "$@"
        ;;
    original)
        tools/setup_env.sh original
        exec .venv-original/bin/python -m pytest -m 'not maintained_only' "${SHARED[@]}" "$@"
        ;;
    *) die "--stack takes maintained or original, got '$STACK'" ;;
esac
