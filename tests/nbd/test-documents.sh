#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --help, the manual, what bash completes, and --dump-plugin say the same.
. "${srcdir:-.}/lib.sh"
page=${top_srcdir:-../..}/man/nbdkit-rdisk-plugin.pod

keys_of_help() {
  nbdkit rdisk --help | sed -n '/^plugin:/,$s/^\[\{0,1\}\([a-z][a-z]*\)=.*/\1/p' | sort -u
}
keys_of_manual() {
  sed -n 's/^=item \[\{0,1\}B<\([a-z]*\)=.*/\1/p' "$page" | sort -u
}
[ -n "$(keys_of_help)" ] || fail "no parameters in --help"
[ "$(keys_of_help)" = "$(keys_of_manual)" ] ||
  fail "--help: $(keys_of_help); manual: $(keys_of_manual)"

# nbdkit's own completion takes lines that begin with key=.
nbdkit rdisk --help | grep -E '^[-a-z0-9]+=' | sed 's/=.*/=/' | sort >"$d/completed"
printf '%s\n' checkpoint= control= | cmp - "$d/completed" || fail "completion"

nbdkit rdisk --dump-plugin >"$d/dump"
sed -n 's/^\(rdisk_[a-z]*\)=.*/\1/p' "$d/dump" | sort >"$d/dumped"
sed -n 's/^=item C<\(rdisk_[a-z]*\)=.*/\1/p' "$page" | sort >"$d/described"
[ -s "$d/dumped" ] || fail "--dump-plugin says nothing of rdisk"
diff "$d/dumped" "$d/described" || fail "--dump-plugin and the manual differ"
for line in name=rdisk api_version=2 max_thread_model=parallel magic_config_key=store; do
  grep -qx "$line" "$d/dump" || fail "--dump-plugin: no $line"
done

# Each debug flag of the manual is one that nbdkit finds, and shows something.
rdisk create "$store" 16M
flags=$(sed -n 's/^=item B<-D \(rdisk\.[a-z]*\)=1>$/\1/p' "$page")
[ -n "$flags" ] || fail "no debug flags in the manual"
for flag in $flags; do
  nbdkit -v -D "$flag=1" -U - rdisk "$store" --run true 2>"$d/error" || fail "-D $flag"
  if grep -q 'was not used' "$d/error"; then fail "-D $flag is unknown"; fi
done
serve -v --debug=rdisk.io=1
nbd 'h.pwrite(b"x" * 4096, 8192, nbd.CMD_FLAG_FUA)'
stop
grep -q 'write: 4096 bytes at 8192 (FUA): success' "$d/log" || fail "-D rdisk.io shows nothing"

# Wrong parameters: one line each.
for wrong in "" "nonsense=1 $store" "checkpoint=often $store" "store="; do
  # shellcheck disable=SC2086
  if nbdkit -f -U - rdisk $wrong --run true 2>"$d/error"; then fail "'$wrong' was taken"; fi
  [ "$(grep -c 'error:' "$d/error")" = 1 ] || fail "'$wrong': $(cat "$d/error")"
done
