#!/usr/bin/env bash
# Train with several processes, or one, on this machine or on several.
#
# Usage: tools/dist_train.sh CONFIG GPUS [options of tools/train.py]
#
#   CONFIG  a config file or its short name, e.g. configs/pretrain/mimco_swin-t.py or mimco_swin-t
#   GPUS    processes on this machine: one for each GPU; without a GPU they run on the CPU
#
# On several machines, run the same command on each with these variables:
#   NNODES       number of machines                    (default 1)
#   NODE_RANK    this machine's number, from 0         (default 0)
#   MASTER_ADDR  address of machine 0                  (default 127.0.0.1; needed if NNODES > 1)
#   PORT         a free port on machine 0              (default 29500; one machine: any free one)
#   MEETING_TIMEOUT  seconds that machines wait for one another   (default 600)
#
# Ctrl-C, SIGTERM and SIGUSR1 finish the step and save; exit code 130, 143 or 138 (docs/interruptions.md).
#
# Examples:
#   tools/dist_train.sh configs/pretrain/mimco_swin-t.py 8
#   tools/dist_train.sh configs/pretrain/mimco_swin-t.py 1 --work-dir work_dirs/try
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=10.0.0.1 tools/dist_train.sh CONFIG 8 --resume
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

if wants_help "${1:-}"; then
    show_help
    exit 0
fi
[[ $# -ge 2 ]] || die "expected CONFIG and GPUS, got $# argument(s); see $0 --help"
CONFIG=$1
GPUS=$2
shift 2
count GPUS "$GPUS"
said_once "--gpus" "$@"
need_stack
exec "$PY" "$ROOT/tools/train.py" "$CONFIG" --gpus "$GPUS" "$@"
