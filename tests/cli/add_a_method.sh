#!/usr/bin/env bash
# The program with the method of docs/add_a_method.md in it: checked, explained and trained as the page says.
source "$(dirname "$0")/common.sh"
unset RLVR_RECIPES

loss='policy_loss={name: tanh_ratio}'
"$rlvr" check recipe quickstart "$loss" >check.out || fail "check recipe: $(cat check.out)"
grep -q 'pass  gradient' check.out || fail "no gradient was checked: $(cat check.out)"
"$rlvr" explain tanh_ratio | grep -qF 'J_t = A_t (1 + tau tanh((r_t - 1) / tau))' || fail "explain lacks the formula"
fails_with "did you mean 'tau'" "$rlvr" check recipe quickstart 'policy_loss={name: tanh_ratio, tua: 1}'
"$rlvr" train quickstart "$loss" output=runs name=example trainer.steps=1 data.prompts_per_step=4 \
  rollout.gen_prompts=16 rollout.group_size=4 update.mini_batch_prompts=4 eval.before=false eval.after=false >/dev/null ||
  fail "train"
grep -q '"actor/pg_loss"' runs/example/metrics.jsonl || fail "no loss in metrics.jsonl"
echo "the method of docs/add_a_method.md works as its page says"
