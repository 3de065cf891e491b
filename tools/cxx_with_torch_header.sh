#!/usr/bin/env bash
# A C++ compiler that parses torch's headers once instead of once a file.
#
# Usage: TORCH_HEADER_DIR=DIR CXX=tools/cxx_with_torch_header.sh COMMAND_THAT_COMPILES
#
# The first file that is compiled makes a precompiled torch/types.h in DIR, by its own flags; the
# files after it are compiled with that. Whatever does not suit goes to the compiler as it came:
# calls that compile nothing, files that come while the header is made, compilers other than gcc,
# compilers behind a cache, and files that do not compile with the header.
#
# Variables:
#   TORCH_HEADER_DIR  a folder of one build's own
#   REAL_CXX          the compiler, with options of its own or without (default: c++)
set -uo pipefail
if [[ "${1:-}" == --help ]]; then
    sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 0
fi

read -ra compiler <<<"${REAL_CXX:-c++}"
header="$TORCH_HEADER_DIR/torch_types.h"
flags=() # of the compilation, without the names of its files
source='' compiles=''

read_arguments() {
    while (($#)); do
        case "$1" in
            -c) compiles=yes ;;
            -o | -MF | -MT | -MQ) shift ;;
            -MD | -MMD | -MP) ;;
            *.cpp | *.cc | *.cxx) source=$1 ;;
            *) flags+=("$1") ;;
        esac
        shift
    done
}

is_plain_gcc() {
    local program
    program=$(readlink -f "$(command -v "${compiler[0]}")")
    [[ "$(basename "$program")" != *cache* ]] &&
        [[ "$("${compiler[@]}" --version 2>/dev/null)" == *'Free Software Foundation'* ]]
}

make_header() { # once; whoever comes meanwhile, or after a failure, finds no header
    mkdir "$TORCH_HEADER_DIR/begun" 2>/dev/null && is_plain_gcc || return
    echo '#include <torch/types.h>' >"$header"
    "${compiler[@]}" "${flags[@]}" -x c++-header "$header" -o "$header.unfinished" 2>/dev/null &&
        mv "$header.unfinished" "$header.gch"
}

read_arguments "$@"
if [[ -n "$compiles" && -n "$source" ]]; then
    [[ -s "$header.gch" ]] || make_header
    messages="$TORCH_HEADER_DIR/$$.txt"
    if [[ -s "$header.gch" ]] && "${compiler[@]}" -include "$header" "$@" 2>"$messages"; then
        cat "$messages" >&2
        exit 0
    fi
fi
exec "${compiler[@]}" "$@"
