#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# fuzz.sh PROGRAM... - run fuzzers built with libFuzzer for SECONDS_EACH seconds each.
# New inputs go to $FOUND/TARGET, those that show a fault to $FOUND/fault-TARGET-*.
status=0
for program; do
  target=${program#fuzz-}
  mkdir -p "$FOUND/$target"
  "./$program" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
    -print_final_stats=1 -entropic=0 -detect_leaks=0 -artifact_prefix="$FOUND/fault-$target-" \
    "$FOUND/$target" "$srcdir/corpus/$target" || status=1
done
exit $status
