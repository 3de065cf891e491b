#!/usr/bin/env bash
# Settle in minutes what only a GPU can tell: tools/gpu_check.sh --help
#
# Usage: tools/gpu_check.sh [options of tools/speed/gpu_check.py]
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

need_stack
exec "$PY" -u "$ROOT/tools/speed/gpu_check.py" "$@"
