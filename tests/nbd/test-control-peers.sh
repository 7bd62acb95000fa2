#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The control socket admits root and the server's own user: the file's mode keeps
# others out, and where that was changed their credentials do.
. "${srcdir:-.}/lib.sh"
need setpriv
[ "$(id -u)" = 0 ] || skip "needs root to become another user"

rdisk create "$store" 16M
serve control="$control"
chmod 711 "$d"
cat >"$d/peer.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
try:
  s.connect(sys.argv[1])
  s.sendall(b'{"command":"recover"}\n')
except PermissionError:
  print("kept out")
  sys.exit()
except BrokenPipeError:
  pass
print(s.recv(4096).decode())
END
peer=$(cat "$d/peer.py")
as_other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
other() { as_other "$python" -c "$peer" "$control"; }
as_other "$python" -c pass || skip "another user cannot run $python"

[ "$(other)" = "kept out" ] || fail "the mode let another user in"
chmod 666 "$control"
answer=$(other)
case $answer in
*'"ok":false'*'"code":-16'*) ;;
*) fail "another user was served: $answer" ;;
esac
grep -q 'user 65534 was turned away' "$d/log" || fail "not logged"
ask list
stop

# A server that runs as another user still admits root, and its own user.
chown 65534 "$store"
chmod 777 "$d"
serve -u65534 control="$control"
[ "$(stat -c '%u %a' "$control")" = "65534 600" ] || fail "$(stat -c '%u %a' "$control")"
ask list
peer=${peer/recover/list}
case $(other) in
*'"ok":true'*) ;;
*) fail "the server's own user was turned away" ;;
esac
stop
