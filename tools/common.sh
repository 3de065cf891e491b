# Sourced by the other scripts: where the project is, and which Python runs it.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# An active environment comes first, then the checkout's own, then whatever `python` is.
PY=python
if [[ -z "${VIRTUAL_ENV:-}" && -x "$ROOT/.venv/bin/python" ]]; then
    PY="$ROOT/.venv/bin/python"
fi

die() {
    echo "error: $*" >&2
    exit 1
}

# The comment at the head of the script that calls it is its help.
show_help() {
    sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

wants_help() {
    [[ "${1:-}" == -h || "${1:-}" == --help ]]
}
