# SPDX-License-Identifier: BSD-3-Clause
# powercut-lib.sh - sourced by the tests that cut the power.
#
# A recorded session logs every write and flush at the store's file; powercut
# then makes files that the disk may hold when the power fails in the middle.
# $POWERCUTS is how many of them to look at: 12, or 100 in check-long.
# shellcheck shell=bash disable=SC2154,SC2034

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

powercuts=${POWERCUTS:-${SEEDS:+100}}
powercuts=${powercuts:-12}
record_log=$d/record

# record_from_here - the store as it is now is the base; servers started from now
# on are recorded.
record_from_here() {
  cp --sparse=always "$store" "$d/base"
  : >"$record_log"
  # A sanitizer's library insists on being the first, and then looks for leaks in
  # the shell and sed of libtool's wrapper, too.
  local preload=${SANITIZER_PRELOAD:+$SANITIZER_PRELOAD:}$builddir/.libs/powercut-record.so
  recorder=(env "RDISK_POWERCUT_STORE=$store" "RDISK_POWERCUT_LOG=$record_log"
    "ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0"
    "LD_PRELOAD=$preload${LD_PRELOAD:+:$LD_PRELOAD}")
}

# for_each_cut COMMAND... - with $store as it may be after a power cut, and $cut
# as the size of the log then.
for_each_cut() {
  local i
  recorder=()
  for ((i = 0; i < powercuts; i++)); do
    "$builddir/powercut" "$d/base" "$record_log" $((seed + i)) "$store" >"$d/cut"
    head -n 1 "$d/cut"
    cut=$(sed -n 's/^log //p' "$d/cut")
    rdisk check "$store" >"$d/check" 2>&1 || {
      cat "$d/check"
      fail "rdisk check after the power cut"
    }
    "$@"
  done
}
