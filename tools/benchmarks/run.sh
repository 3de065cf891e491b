#!/usr/bin/env bash
echo "$0 has moved: tools/transfers/run.sh" >&2 && exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../transfers/run.sh" "$@"
