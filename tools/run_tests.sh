#!/usr/bin/env bash
# Set up what the tests need, and run them.
#
# Usage: tools/run_tests.sh [--stack maintained|original] [options of pytest]
#
#   --stack maintained  everything, in .venv (the default); the first time, some 20 minutes go
#                       into compiling mmcv's ops
#   --stack original    the pre-training tests on the original OpenMMLab releases, in .venv-original
#
# Examples:
#   tools/run_tests.sh
#   tools/run_tests.sh tests/models -k queue
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

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
case "$STACK" in
    maintained)
        tools/setup_env.sh tests
        exec .venv/bin/python -m pytest "$@"
        ;;
    original)
        tools/setup_env.sh original
        exec .venv-original/bin/python -m pytest -m 'not maintained_only' "$@"
        ;;
    *) die "--stack takes maintained or original, got '$STACK'" ;;
esac
