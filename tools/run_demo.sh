#!/usr/bin/env bash
# Set everything up and run the demo: MoBY teacher, MimCo beside SimMIM, k-NN accuracy, pictures.
#
# Usage: tools/run_demo.sh [options of tools/demo.py]
#
# Some 10 minutes on 2 cores, set-up included; a GPU is used where there is one. The environment
# goes into .venv (see tools/setup_env.sh --help) and is kept for the next time.
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

if wants_help "${1:-}"; then
    show_help
    exit 0
fi
"$ROOT/tools/setup_env.sh" demo
exec "$ROOT/.venv/bin/python" "$ROOT/tools/demo.py" "$@"
