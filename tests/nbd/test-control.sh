#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The control socket: its commands, its mode, and what it does with garbage, long
# and half requests, many peers and peers that dawdle.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve control="$control"
[ "$(stat -c '%a %F' "$control")" = "600 socket" ] || fail "$(stat -c '%a %F' "$control")"

cat >"$d/control.py" <<'END'
import json, socket, sys, time
def connect():
  s = socket.socket(socket.AF_UNIX)
  s.settimeout(20)
  s.connect(sys.argv[1])
  return s
def line(s):
  data = b""
  while not data.endswith(b"\n"):
    more = s.recv(1)
    if not more:
      return None
    data += more
  return json.loads(data)
def ask(s, request):
  s.sendall(request + b"\n")
  return line(s)
END
control_python() { "$python" -c "$(cat "$d/control.py")"$'\n'"$1" "$control"; }

control_python '
s = connect()
for command in "checkpoint", "recover":
  answer = ask(s, b"{\"command\":\"%s\"}" % command.encode())
  assert answer["ok"] is True and answer["sequence"] >= 0, answer
answer = ask(s, b" { \"command\" : \"list\" } ")
assert answer["checkpoints"][0]["sequence"] >= 0, answer
answer = ask(s, b"{\"command\":\"info\"}")
assert answer["info"]["size_bytes"] == 16 << 20 and answer["info"]["layout"] == "ab", answer
answer = ask(s, b"{\"command\":\"stats\"}")
assert answer["stats"]["checkpoint_calls"] > 0, answer
answer = ask(s, b"{\"command\":\"ping\"}")
assert answer["policy"] == "flush" and answer["interval_s"] == 0, answer
s.sendall(b"{\"command\":\"ping\"}\n{\"command\":\"list\"}\n")   # two at once
assert "pid" in line(s)
'

control_python '
refused = [b"", b"\0", b"\xff\xfe", b"{", b"[]", b"null", b"17", b"{}", b"\"checkpoint\"",
           b"{\"command\":null}", b"{\"command\":\"\"}", b"{\"command\":\"Checkpoint\"}",
           b"{\"command\":\"%n%n%s\"}", b"{\"command\":\"ping\",\"x\":1}",
           b"{\"command\":\"ping\",\"command\":\"recover\"}", b"{\"command\":\"ping\"} x",
           b"[" * 60000, b"{\"command\":\"" + b"a" * 60000 + b"\"}", b"GET / HTTP/1.0\r"]
s = connect()
for request in refused:
  answer = ask(s, request)
  assert answer["ok"] is False and answer["code"] == -1 and answer["error"], (request, answer)
s = connect()
s.sendall(b"x" * 65536)
assert line(s)["code"] == -1
assert line(s) is None, "a request without an end was read on"
s = connect()
s.sendall(b"{\"command\":\"recover\"}")   # no newline: not a request
s.shutdown(socket.SHUT_WR)
assert line(s) is None, "half a request was carried out"
'

# Dawdlers fill all places; the next is turned away at once, and served once they
# have been thrown out.  Meanwhile the disk is served.
control_python '
dawdlers = [connect() for i in range(16)]
for s in dawdlers:
  s.sendall(b"{")
begin = time.monotonic()
assert ask(connect(), b"{\"command\":\"ping\"}")["code"] == -5
assert time.monotonic() - begin < 5
for s in dawdlers:
  assert line(s)["code"] == -17
  assert line(s) is None
while True:
  answer = ask(connect(), b"{\"command\":\"ping\"}")
  if answer["ok"]:
    break
  time.sleep(0.1)
' &
dawdle=$!
nbd 'h.pwrite(b"x" * 4096, 0); h.flush()'
wait $dawdle || fail "dawdling peers"

# One that never reads its answers.
touch "$d/full"
"$python" -c "$(cat "$d/control.py")"'
s = connect()
s.setblocking(False)
try:
  while True:
    s.send(b"{\"command\":\"stats\"}\n")
except BlockingIOError:
  pass
assert ask(connect(), b"{\"command\":\"ping\"}")["ok"]
print("full", flush=True)
time.sleep(1000)
' "$control" >"$d/full" &
hostile=$!
at_exit "kill $hostile"
wait_for grep -q full "$d/full"
begin=$(date +%s)
stop
[ $(($(date +%s) - begin)) -lt 5 ] || fail "a peer held up the end of the server"
[ ! -e "$control" ] || fail "the socket was left behind"
