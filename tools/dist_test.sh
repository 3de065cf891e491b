#!/usr/bin/env bash
# Test a checkpoint with several processes, or one, on this machine or on several.
#
# Usage: tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]
#
#   CONFIG      the config it was trained with, e.g. configs/benchmarks/imagenet/swin-t.py
#   CHECKPOINT  what that training wrote, e.g. work_dirs/swin-t/epoch_100.pth
#   GPUS        processes on this machine: one for each GPU; without a GPU they run on the CPU
#
# On several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT, as in tools/dist_train.sh --help.
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

if wants_help "${1:-}"; then
    show_help
    exit 0
fi
[[ $# -ge 3 ]] || die "expected CONFIG, CHECKPOINT and GPUS, got $# argument(s); see $0 --help"
CONFIG=$1
CHECKPOINT=$2
GPUS=$3
shift 3
count GPUS "$GPUS"
said_once "--gpus" "$@"
need_stack
exec "$PY" "$ROOT/tools/test.py" "$CONFIG" "$CHECKPOINT" --gpus "$GPUS" "$@"
