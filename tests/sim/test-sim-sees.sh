#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The simulator is only worth what it finds: with each of these faults in the device
# or in the calls it must report a violation within a bounded number of seeds.
status=0
for fault in flush drop early uncached unit misplaced split skip wakes; do
  output=$("$builddir/sim" --seed 1 --seeds 400 --fault "$fault")
  case $? in
  1) echo "$fault: $(sed -n 's/^VIOLATION //p' <<<"$output")" ;;
  0) echo "$fault: not found, ${output##*$'\n'}" >&2; status=1 ;;
  *) echo "$fault: $output" >&2; status=1 ;;
  esac
done
exit $status
