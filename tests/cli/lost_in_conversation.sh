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

# A user and a judge that are models, one of which is evaluated.
"$rlvr" pretrain tiny_model architecture.max_position_embeddings=9000 name=long output=. >/dev/null 2>&1 || fail "pretrain"
for threads in 1 2; do
  "$rlvr" eval long/model --protocol lost-in-conversation --max-prompts 2 --max-tokens 8 --types sharded --simulations 2 \
    --user '{name: model, tries: 1}' --user-model policy --judge model --judge-model long/model --environment '{max_turns: 2}' \
    --json "models$threads.jsonl" --transcripts "modeltalks$threads.jsonl" \
    --threads "$threads" >"modeltable$threads" 2>err || fail "eval with models: $(cat err)"
done
for file in models modeltalks modeltable; do cmp ${file}1* ${file}2* || fail "$file differs between 1 and 2 threads"; done
grep -q 'strategies by model long/model' modeltable1 || fail "not said who judges: $(head -1 modeltable1)"
grep -Eq 'the judge named no class for [0-9]+ turns' modeltable1 || fail "random words have no class: $(cat modeltable1)"

"$rlvr" eval --protocol lost-in-conversation --replay "$here/../reference/lost_in_conversation/turns.jsonl" \
  --data "$here/../reference/lost_in_conversation/instructions.jsonl" >replay || fail "no replay"
grep -Eq '^  with another score +0( +0)*$' replay || fail "scores differ from the recorded ones: $(cat replay)"
grep -Eq '^  other: unexplained +0( +0)*$' replay || fail "unexplained scores: $(cat replay)"

fails_with "did you mean 'sharded'" talk --types shardd
fails_with "did you mean 'scripted'" talk --user scriptd
fails_with "did you mean 'rules'" talk --judge rule
fails_with "unknown key" talk --judge rules --judge-model policy
fails_with "no model is named" talk --judge remote
fails_with "is no http:// or https:// address" talk --judge remote --judge-model m --judge-url localhost
fails_with "the prompt has no shards" talk --data gsm_micro
fails_with "no model given" "$rlvr" eval
code=0
"$rlvr" eval model --types full >usage.out 2>&1 || code=$?
[ "$code" = 2 ] || fail "--types without --protocol: exit code $code"
echo "protocol, page and replay work"
