#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --help, the manual page and the bash completion name the same options.
. "${srcdir:-.}/../fs/lib.sh"

# The letters and long options, and what -o takes ("checkpoint=" counts once).
options() {
  grep -oE -- '(^|[^a-z-])(-[a-zA-Z]( [a-z_]+=?)?|--[a-z]+)' | sed 's/^[^-]//' | sort -u
}

fuse-rdisk --help | sed -n '/^  -/s/^  \(\(-[^ ]* \?[a-z_=]*,\? \?\)*\).*/\1/p' | options >"$d/help"
sed -n '/^=head1 OPTIONS/,/^=back/s/^=item //p' "$top_srcdir/man/fuse-rdisk.pod" |
  sed 's/[BI]<\([^>]*\)>/\1/g' | options >"$d/manual"
grep -qx -- '-o control=' "$d/help" || fail "--help was not understood: $(cat "$d/help")"
diff -u "$d/help" "$d/manual" || fail "--help (-) and the manual (+) differ"

complete_words() {
  bash -c '
    _init_completion() { cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; }
    _filedir() { :; }
    compopt() { :; }
    . "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _fuse_rdisk && printf "%s\n" "${COMPREPLY[@]}"' bash \
    "$top_srcdir/fuse-rdisk/completion.bash" "$@"
}
{
  complete_words fuse-rdisk - | grep -vx -- -o
  complete_words fuse-rdisk -o '' | sed 's/^/-o /'
} | options >"$d/completion"
diff -u "$d/help" "$d/completion" || fail "--help (-) and the completion (+) differ"
[ "$(complete_words fuse-rdisk -o ro,dir)" = ro,direct_io ] || fail "after a comma"
