#!/usr/bin/env bash
# rlvr eval --protocol: figures and transcripts, the same bytes for any threads, the page made of them, the replay of recorded
# conversations, and mistakes on the command line.
# Usage: lost_in_conversation.sh RLVR FOLDER
source "$(dirname "$0")/common.sh"
make_model
talk() { "$rlvr" eval model --protocol lost-in-conversation --max-prompts 2 --max-tokens 8 "$@"; }

for threads in 1 2; do
  talk --types sharded,full,snowball --simulations 2 --json "figures$threads.jsonl" \
    --transcripts "talks$threads.jsonl" --threads "$threads" >"table$threads" 2>err || fail "eval: $(cat err)"
done
for file in table figures talks; do cmp ${file}1* ${file}2* || fail "$file differs between 1 and 2 threads"; done
[ "$(wc -l <figures1.jsonl)" = 3 ] || fail "not one line of figures a type: $(cat figures1.jsonl)"
[ "$(wc -l <talks1.jsonl)" = 12 ] || fail "not 3 types x 2 instructions x 2 simulations"
head -1 figures1.jsonl | grep -q '"type":"full"' || fail "the types are not in the paper's order: $(head -c 300 figures1.jsonl)"
grep -q '"shard":2' talks1.jsonl || fail "no user revealed a second shard"
"$rlvr" report talks1.jsonl >/dev/null || fail "no page"
grep -q 'shard 2 of' talks1.html || fail "the page shows no second shard"

"$rlvr" eval --protocol lost-in-conversation --replay "$here/../reference/lost_in_conversation/turns.jsonl" \
  --data "$here/../reference/lost_in_conversation/instructions.jsonl" >replay || fail "no replay"
grep -Eq '^  with another score +0( +0)*$' replay || fail "scores differ from the recorded ones: $(cat replay)"
grep -Eq '^  other: unexplained +0( +0)*$' replay || fail "unexplained scores: $(cat replay)"

fails_with "did you mean 'sharded'" talk --types shardd
fails_with "did you mean 'scripted'" talk --user scriptd
fails_with "the prompt has no shards" talk --data gsm_micro
fails_with "no model given" "$rlvr" eval
code=0
"$rlvr" eval model --types full >usage.out 2>&1 || code=$?
[ "$code" = 2 ] || fail "--types without --protocol: exit code $code"
echo "protocol, page and replay work"
