#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The plugin under filters, on a single connection over stdin and stdout, in the
# background (the store's threads start after the fork), and under --run.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
for filter in blocksize cache cow log noparallel offset readahead retry; do
  extra=()
  if [ $filter = log ]; then extra=(logfile=/dev/null); fi
  if [ $filter = offset ]; then extra=(offset=1M); fi
  serve --filter=$filter "${extra[@]}"
  nbd '
data = sys.argv[1].encode() * 512
h.pwrite(data, 5000)
h.flush()
assert h.pread(len(data), 5000) == data
h.trim(4096, 8192) if h.can_trim() else None
' $filter
  stop
done

"$python" -c '
import nbd, sys
h = nbd.NBD()
h.connect_command(["nbdkit", "-s", "--exit-with-parent", "rdisk", sys.argv[1]])
h.pwrite(b"single" * 1000, 0)
h.flush()
h.shutdown()
' "$store"

rm -f "$socket"
nbdkit -P "$d/pid" -U "$socket" rdisk "$store" control="$control"
server=$(cat "$d/pid")
wait_for server_answers
nbd '
assert h.pread(6000, 0) == b"single" * 1000
h.pwrite(b"background" * 500, 0)
'
ask checkpoint
kill -TERM "$server"
gone() { ! kill -0 "$server" 2>>"$d/log"; }
wait_for gone
server=

cat >"$d/run.py" <<'END'
import nbd, sys
h = nbd.NBD()
h.connect_uri(sys.argv[1])
assert h.pread(5000, 0) == b"background" * 500
END
nbdkit -U - rdisk "$store" --run "$python $d/run.py \"\$uri\"" || fail "--run"
