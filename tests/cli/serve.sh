#!/usr/bin/env bash
# rlvr chat with standard input from a pipe, and rlvr serve from its start to Ctrl-C. What it answers is in
# src/serve/serve_test.cc.
# Usage: serve.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
make_model

# The first answer is that of generate; a turn after /reset knows nothing of those before it.
"$rlvr" generate model --prompt "Tom has 3 pens." --max-tokens 20 --temperature 0 | grep -v '^\[cut' >generated || true
printf 'Tom has 3 pens.\n' | "$rlvr" chat model --max-tokens 20 --temperature 0 | sed 's/ \[cut\]$//' >chat
cmp generated chat || fail "chat says '$(cat chat)', generate '$(cat generated)'"
printf 'Tom has 3 pens.\n\nAnd now?\n/reset\nTom has 3 pens.\n/exit\nnever read\n' >turns
"$rlvr" chat model --max-tokens 8 --temperature 0 --system "Be brief." <turns >chat
"$rlvr" chat model --max-tokens 8 --temperature 0 --system "Be brief." <turns >again
cmp chat again || fail "the same seed gives another chat"
printf 'Tom has 3 pens.' | "$rlvr" chat model --max-tokens 8 --temperature 0 --system "Be brief." >first
[ "$(head -c "$(stat -c %s first)" chat)" = "$(cat first)" ] || fail "the first turn differs"
[ "$(tail -c "$(stat -c %s first)" chat)" = "$(cat first)" ] || fail "/reset has not forgotten"
"$rlvr" chat model </dev/null >empty
[ ! -s empty ] || fail "an empty chat prints: $(cat empty)"

"$rlvr" serve model --port 0 --host 0.0.0.0 >serve.out 2>serve.err &
server=$!
while [ ! -s serve.out ]; do kill -0 $server || fail "no server: $(cat serve.err)"; sleep 0.05; done
grep -q "^rlvr: warning: .*--api-key" serve.err || fail "no warning: $(cat serve.err)"
port=$(sed -E 's/.*:([0-9]+)\/v1.*/\1/' serve.out)
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n' >&3
grep -q '"id":"model"' <&3 || fail "no model at port $port"
exec 3>&-
fails_with "^rlvr: 0.0.0.0:$port: cannot listen there" "$rlvr" serve model --host 0.0.0.0 --port "$port" --api-key k
kill -INT $server
wait $server || fail "Ctrl-C ends the server with $?"
fails_with "^rlvr: --max-context: is 100000" "$rlvr" serve model --port 0 --max-context 100000
