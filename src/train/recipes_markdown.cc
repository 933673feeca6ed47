// docs/recipes.md, written from the list of keys that reads recipes and from the key map.
#include <fmt/format.h>

#include <map>

#include "train/key_map.h"
#include "train/recipe.h"

namespace rlvr {
namespace {

const char kIntroduction[] = R"(# Recipes

A recipe is a YAML file that says everything about a run. `rlvr recipes` lists those in `recipes/`;
`rlvr train NAME` takes a name or a file.

    # Mine: DAPO with GSPO's loss.            the first comment is the description in `rlvr recipes`
    extends: quickstart.yaml                # relative to this file
    policy_loss: {name: gspo, aggregate: seq_mean_token_mean}
    update: {lr: 1.0e-4}

    rlvr train mine.yaml seed=1 policy_loss.eps_high=5e-4 'regularizer=[{name: kl, beta: 0.01}]'

## How files and overrides combine

The base (`extends`, any number of times) lies at the bottom, the file above it, all overrides of
the command line together on top; their order among themselves matters only where two set the same
key.

- Maps merge key by key. Numbers, texts and lists replace: `regularizer: []` removes every
  regularizer, and a list is always given as a whole.
- In a section that holds one method (`select`, `advantage`, `policy_loss` and so on, and
  `reward.overlong`) another `name` replaces the whole map: the base's parameters, `aggregate`
  among them, belonged to the other method. What is not given has the new method's default. This
  holds for `policy_loss.name=cispo` on the command line too.
- A coefficient with another `schedule` or `controller` than the base's replaces it whole.
- `reward.name` chooses a verifier and replaces nothing else.
- The root's `name` is not inherited; left out, it is the file's name. Two recipes on one base have
  folders of their own.
- A key with no value (`select:`) has its default.

An unknown key or a value out of range stops before anything runs, with file, line and the nearest
known key. `rlvr train RECIPE --dry-run` prints the resolved recipe, every key with its value, and
what the run would need; a run writes the same to `recipe.yaml` in its folder, which is a recipe
again. `rlvr explain RECIPE` shows the formulas that it amounts to, `rlvr check recipe RECIPE` tests
its gradient.

## Numbers that change over a run

Any number of a stage from `reward_shaping` to `regularizer` may be a map instead:

    policy_loss: {name: decoupled_clip, eps_high: {schedule: linear, from: 0.2, to: 0.28, steps: 100}}
    regularizer: [{name: entropy_bonus, coefficient: {controller: adaptive_entropy, target: 0.2}}]

Schedules go from `from` to `to` in `steps` training steps (from step `begin` on, 0 by default) and
stay there: `linear`, `cosine`, `exponential`; `piecewise` takes `at: [...]` and `values: [...]`.
Controllers watch metrics and keep their state in checkpoints. `docs/methods.md` has the formulas,
all methods and their parameters. The learning rate has its own `update.schedule`.

)";

struct Section {
  const char *name, *text;
};
const Section kSections[] = {
    {"", "The run."},
    {"architecture", "Of a model to make; only `kind: pretrain`. Names as in `config.json`."},
    {"lora", "Adapters instead of all the weights, arXiv:2106.09685."},
    {"data",
     "Prompts: JSONL, JSON or Parquet files in verl's columns or a known layout "
     "([prompts.md](prompts.md)), or a generator with options, "
     "`gsm_micro:min_steps=2,max_steps=4`; [conversation_data.md](conversation_data.md) says what "
     "shards and underspecified prompts are."},
    {"rollout", "Sampling. `top_k`, `top_p` and `min_p` cut the distribution."},
    {"reward", "From a verdict to a score."},
    {"stages",
     "The method. A section here is a map with `name` and the method's parameters, or "
     "where `docs/methods.md` says so a list of such maps."},
    {"strategy_judge",
     "Who tells the strategies of turns, in conversations, `eval.protocol` and ICPO "
     "([environments.md](environments.md))."},
    {"update", "From a rollout batch to new weights."},
    {"parallel", "Several processes under `mpirun` ([parallel.md](parallel.md))."},
    {"expert", "Demonstrations in the groups."},
    {"replay", "Groups of earlier steps train again, with the log-probs recorded then."},
    {"reference", "The policy of `logp_ref`; loaded only where a method reads it."},
    {"likelihood_reward",
     "The reward is how likely the reference answer is after the sampled reasoning "
     "([rewards.md](rewards.md))."},
    {"critic",
     "A value model; only where a method reads values (`gae`). Mini-batches and epochs "
     "are those of `update`."},
    {"turn_gain",
     "A reward for each turn of a conversation but the last: how much likelier it made the "
     "reference answer ([rewards.md](rewards.md))."},
    {"process_reward",
     "An implicit process reward model; only where a method reads process "
     "rewards (`prime`)."},
    {"flow_reward",
     "A velocity field over the policy's hidden states that rewards tokens; only where a method "
     "reads it (`rlfr`), [rewards.md](rewards.md)."},
    {"eval", "Validation."},
    {"trainer", "Length of the run, and what it keeps."},
    {"supervised", "Only `kind: pretrain` and `kind: sft`."},
};

// What a key means; a key of an optimizer is under "lr" and so on for all sections.
const std::map<std::string, std::string>& Meanings() {
  static const auto* meanings = new std::map<std::string, std::string>{
      {"kind", "reinforcement learning, pretraining, supervised fine-tuning"},
      {"name", "of the run's folder; default: the file's name"},
      {"model", "a Hugging Face folder, or the name of one in `models/`"},
      {"compute", "of matrix products and the KV cache; weights and moments are fp32"},
      {"output", "the folder that holds the run's"},
      {"seed", "of prompt order, sampling and initial weights"},
      {"threads", "0: one per core; changes no bit"},
      {"architecture.vocab_size", "of the tokenizer that is trained with the model"},
      {"architecture.hidden_size", "D"},
      {"architecture.num_hidden_layers", "L"},
      {"architecture.num_attention_heads", "H"},
      {"architecture.num_key_value_heads", "K; divides H"},
      {"architecture.head_dim", "E"},
      {"architecture.intermediate_size", "F"},
      {"architecture.max_position_embeddings", "longest sequence"},
      {"architecture.rope_theta", "base of the rotary frequencies"},
      {"architecture.rms_norm_eps", ""},
      {"lora.rank",
       "of the adapters that are trained; 0: every weight is ([models.md](models.md))"},
      {"lora.alpha", "adapters count alpha / rank"},
      {"lora.target_modules", "matrices of every layer that have adapters"},
      {"lora.rslora", "alpha / sqrt(rank) instead, arXiv:2312.03732"},
      {"lora.merge", "the run's `model/` is the sum; else an adapter in PEFT's format"},
      {"architecture.initializer_range", "std of the initial weights"},
      {"architecture.tie_word_embeddings", "one matrix for embedding and head"},
      {"reward.illocution.name",
       "ICPO's reward by the prompt's label; its keys, `penalty_confident` and others, are in "
       "[icpo.md](icpo.md)"},
      {"data.train",
       "prompts to train on: a file, a generator, or a list of them ([prompts.md](prompts.md))"},
      {"data.validation", "held-out prompts"},
      {"data.prompts_per_step", "groups in a rollout batch, after selection"},
      {"data.chat_template_kwargs",
       "variables of the model's chat template, as {enable_thinking: false}"},
      {"reward.answers.latex", "formulas count as answers"},
      {"reward.answers.expression", "plain numbers and expressions count"},
      {"reward.answers.letters", "a multiple-choice letter counts, in the place of both"},
      {"reward.answers.precision", "decimals after which numbers with a point are equal"},
      {"reward.answers.strict", "false: variables may have other names"},
      {"reward.answers.allow_set_relation_comp", "an inequality may equal a set"},
      {"reward.answers.language", "of the words for \"the answer is\""},
      {"data.columns.prompt",
       "of files: the column of prompts, text or messages; empty: by the layout of the columns"},
      {"data.columns.answer", "the column of answers"},
      {"data.columns.data_source", "the column that names each row's data source"},
      {"data.instruction", "of files: ends each prompt's last user message, after a space"},
      {"data.system", "of files: the system message of each prompt, in place of its own"},
      {"data.max_prompt_tokens", "a longer prompt is an error that names it"},
      {"data.filter_overlong_prompts", "true: longer training prompts are left out at the start"},
      {"data.truncation",
       "of a longer prompt: error; left keeps its end, right its beginning, middle both"},
      {"data.group_key",
       "of `extra_info`: its value names the prompt's family ([objective.md](objective.md))"},
      {"data.group_order", "together: prompts of a family follow each other in every pass"},
      {"data.underspecified.ratio",
       "share of training prompts from which something required was taken away; 0: none"},
      {"data.underspecified.complete",
       "share of whole problems told in shards as those are, so that the form says nothing"},
      {"data.underspecified.method",
       "what is taken away: "
       "[conversation_data.md](conversation_data.md)"},
      {"data.underspecified.form",
       "shards told as bullets of one message, or as turns of the user"},
      {"data.underspecified.reply",
       "turns: what the assistant said between two of them; empty: nothing"},
      {"data.underspecified.min_missing", "required shards or sentences taken away, at least"},
      {"data.underspecified.max_missing", "at most; 0: any number"},
      {"rollout.group_size", "G, responses to a prompt"},
      {"rollout.temperature", ""},
      {"rollout.top_k", "0: off"},
      {"rollout.top_p", "1: off"},
      {"rollout.min_p", "0: off"},
      {"rollout.max_tokens", "of a response"},
      {"rollout.stop", "texts that end a response"},
      {"rollout.quantization",
       "of the layers' matrices while sampling ([rollouts.md](rollouts.md#int8-rollouts)); wants "
       "`token_weight: [{name: rollout_is}]`"},
      {"rollout.strategy.name",
       "how a group grows ([rollouts.md](rollouts.md), with its own keys)"},
      {"rollout.sampling_context.before", "put before the prompt in sampling, absent in training"},
      {"rollout.sampling_context.after", "put after the prompt, likewise"},
      {"rollout.token_temperature.name",
       "a temperature for each token by its entropy ([rollouts.md](rollouts.md), with its own "
       "keys)"},
      {"reward.terms", "further rewards, each with a coefficient ([rewards.md](rewards.md))"},
      {"stages",
       "parts of a run that differ: steps and keys of each ([run_folder.md](run_folder.md))"},
      {"curriculum", "which prompts come when ([curriculum.md](curriculum.md))"},
      {"replay.opposites",
       "stored responses of the other outcome that a group of one outcome receives; 0: none"},
      {"replay.per_prompt", "responses of each outcome that are stored for a prompt"},
      {"likelihood_reward.kind", "what of the reference answer's tokens; none: off"},
      {"likelihood_reward.answer", "which reference answer"},
      {"likelihood_reward.marker", "text of a response that the answer follows"},
      {"likelihood_reward.coefficient", "of this reward"},
      {"likelihood_reward.gradient", "of the reward's own gradient, towards the answer"},
      {"eval.ks", "the k of pass@k and maj@k; empty: powers of two up to `eval.k`"},
      {"rollout.max_sequences", "decoded together; memory and speed only"},
      {"rollout.prefill_tokens", "in one prefill call; memory and speed only"},
      {"rollout.speculation.name",
       "speculative decoding where it pays, never, always; changes no sample "
       "([rollouts.md](rollouts.md))"},
      {"rollout.speculation.max_draft", "tokens of a sequence in one pass"},
      {"rollout.speculation.memory_mb", "of earlier responses that drafts are made from"},
      {"rollout.gen_prompts",
       "prompts of a round, at most: `select.max_rounds` times so many are tried for a batch; "
       "changes "
       "no batch that is filled ([rollouts.md](rollouts.md)); 0: `data.prompts_per_step`"},
      {"reward.name", "a verifier; auto: by the prompt's `data_source`"},
      {"reward.correct", "score of a right answer"},
      {"reward.wrong", "score of any other"},
      {"reward.sandbox.isolation",
       "of programs (`code`, [sandbox.md](sandbox.md)); none: they run as you"},
      {"reward.sandbox.command",
       "a list, by default python3 and `{program}`, which is the file with the response's code"},
      {"reward.sandbox.file", "name of that file"},
      {"reward.sandbox.timeout", "seconds of one run"},
      {"reward.sandbox.memory", "MiB of all its processes together"},
      {"reward.sandbox.processes", "and threads, at once"},
      {"reward.sandbox.output", "KiB that it may print"},
      {"reward.sandbox.disk", "MiB of its folder, in memory"},
      {"reward.sandbox.read_only", "further files and folders that it sees"},
      {"reward.sandbox.parallel", "programs at once; 0: one per core"},
      {"reward.sandbox.score", "all: right or wrong; share: of the tests passed"},
      {"reward.sandbox.tolerance", "relative, of numbers that are printed or returned"},
      {"reward.process.command",
       "of `process`, a list: the program and its arguments ([own_reward.md](own_reward.md))"},
      {"reward.process.workers", "processes"},
      {"reward.process.in_flight", "responses that each may have at once"},
      {"reward.process.timeout", "seconds, of one response"},
      {"reward.process.start_timeout", "seconds, until a fresh process's first reply"},
      {"reward.process.retries", "of a response that a process died or hung on"},
      {"reward.process.restarts", "of one process in a row with nothing answered in between"},
      {"reward.process.max_line", "bytes of a reply"},
      {"reward.process.log", "a file for what they write to stderr; empty: stderr"},
      {"reward.plugin.file", "of `plugin`, a shared object ([own_reward.md](own_reward.md))"},
      {"reward.plugin.options", "text that it is given"},
      {"reward.overlong.name", "filter: a truncated response is masked; soft: DAPO's Eq. 13"},
      {"reward.overlong.buffer", "soft: tokens of the ramp before `rollout.max_tokens`"},
      {"reward.overlong.penalty_factor", "soft: the punishment at the ramp's end"},
      {"environment", "who the policy talks to, `max_turns` and `max_tokens` of a conversation"},
      {"strategy_judge.name",
       "rules, or a model with the protocol's prompt; its keys, `model` and others, are in "
       "[environments.md](environments.md)"},
      {"select", "which groups train"},
      {"reward_shaping", "scores to rewards"},
      {"advantage", "rewards to an advantage for every token"},
      {"token_weight", "which tokens the loss sees, and how much of them"},
      {"policy_loss", "what one token adds to the objective, and `aggregate`"},
      {"regularizer", "terms beside the policy loss"},
      {"update.mini_batch_prompts", "groups of an optimizer step; 0: all of the batch"},
      {"update.epochs", "passes over a rollout batch"},
      {"update.micro_batch_tokens", "in memory at a time; changes no formula"},
      {"update.recompute",
       "activations of all layers but the last again in the backward pass: less memory, more time"},
      {"update.activation_memory",
       "bytes (`2GiB`, `500MiB`) that the passes of each model may hold: of a micro-batch as many "
       "layers' activations are kept as fit, the others made again, and micro-batches are no "
       "larger "
       "than fit then; changes no bit. Empty: no bound"},
      {"lr", "learning rate of AdamW"},
      {"beta1", ""},
      {"beta2", ""},
      {"eps", ""},
      {"weight_decay", "decoupled"},
      {"grad_clip", "global norm; 0: off"},
      {"warmup_steps", "optimizer steps of linear warm-up"},
      {"schedule", "of the learning rate after the warm-up, over the run"},
      {"min_lr_ratio", "at the last step, of lr"},
      {"parallel.shards",
       "each gradient is the sum over so many parts, whatever the number of ranks; 0: one for each "
       "rank"},
      {"parallel.ordered", "the same bits on any number of ranks; false: faster"},
      {"expert.rows", "the prompt's `target`, as one more response of its group"},
      {"replay.groups", "added to each batch; 0: no replay"},
      {"replay.capacity", "groups kept; the oldest go first"},
      {"replay.max_age", "in steps; 0: any"},
      {"replay.max_uses", "a group leaves after so many; 0: any"},
      {"replay.admit", "groups with right and wrong answers, with any right one, all"},
      {"reference.model", "default: the policy's at the start"},
      {"reference.update", "ema: ref <- decay ref + (1 - decay) theta; copy: ref <- theta"},
      {"reference.decay", "of ema"},
      {"reference.every", "training steps between updates"},
      {"reference.reset_optimizer", "with copy: AdamW's moments start anew"},
      {"critic.model", "default: the policy's"},
      {"critic.cliprange_value", "of the value loss"},
      {"critic.warmup_steps", "training steps in which only the critic learns"},
      {"data.orders.count",
       "prompts made of each problem in shards: its shards as bullets, in so many orders; 1: off"},
      {"data.orders.paraphrase", "shards in other words too, where the data has them"},
      {"turn_gain.kind", "difference of the answer's probability or mean log-prob; none: off"},
      {"turn_gain.answer", "the reference: ground_truth, or the prompt's `target`"},
      {"turn_gain.marker", "before the answer; not scored"},
      {"turn_gain.coefficient", "of this reward"},
      {"process_reward.model", "default: the policy's at the start"},
      {"process_reward.reference", "log pi_ref: of the reference, or of the policy that sampled"},
      {"process_reward.beta", "r_t = beta (log pi_phi - log pi_ref)"},
      {"process_reward.update", "trained before or after it scores a batch, or never"},
      {"flow_reward.coefficient", "a token's reward is minus this times its normalised score"},
      {"flow_reward.layers", "shares of the depth; none: 0.25, 0.5, 0.75"},
      {"flow_reward.width", "of the field; 0: the model's hidden size"},
      {"flow_reward.blocks", "residual blocks of the field"},
      {"flow_reward.time", "t at which tokens are scored"},
      {"flow_reward.train_time",
       "t of training: sigmoid of a standard normal, or always `flow_reward.time`"},
      {"flow_reward.norm", "a response's scores to [0, 1], or to [-1, 1]"},
      {"flow_reward.threshold", "normalised scores not beyond it count 0; 0: off"},
      {"flow_reward.top_k",
       "only so many tokens of a response count; bilateral: half of them at each end; 0: all"},
      {"flow_reward.gamma", "power of the normalised score"},
      {"flow_reward.update", "the field trains before or after it scores a batch, or never"},
      {"flow_reward.wrong_weight", "of responses that are not right, in the field's training"},
      {"flow_reward.warmup_steps", "training steps in which only the field learns"},
      {"eval.prompts", "of the validation set; 0: all"},
      {"eval.k", "responses to a prompt"},
      {"eval.every", "training steps; 0: never between"},
      {"eval.before", "before training"},
      {"eval.after", "after training"},
      {"eval.temperature", "0: greedy"},
      {"eval.top_p", "1: off"},
      {"eval.protocol",
       "beside single answers: conversations about the same prompts, which must have shards "
       "([lost_in_conversation.md](lost_in_conversation.md))"},
      {"eval.types", "of conversations; none: full, concat, sharded"},
      {"eval.simulations", "conversations for each prompt and type"},
      {"eval.environment", "`sharded`, which the protocol's conversations are held in"},
      {"trainer.steps", "training steps"},
      {"trainer.checkpoint_every", "training steps; 0: only at the end"},
      {"trainer.keep_checkpoints", "the newest so many"},
      {"trainer.rollouts_every", "steps whose rollouts are written; 0: never"},
      {"trainer.rollout_groups", "groups written of each such step"},
      {"supervised.tokens_per_step", "of a batch"},
      {"supervised.text",
       "`gsm_micro_dialogues[:options]`, `attribute_dialogues[:options]`; pretrain: also "
       "`gsm_micro[:options]`; sft: also a JSONL of `prompt` and `response`, or of `messages`"},
      {"supervised.careful",
       "of generated texts: share of careful solutions of whole problems, the rest is sloppy"},
      {"supervised.loss_on_prompt", "also learn the prompt"},
      {"supervised.tokenizer_texts", "pretrain: samples that train the tokenizer"},
  };
  return *meanings;
}

std::string MeaningOf(const std::string& path) {
  auto it = Meanings().find(path);
  // Optimizers have the same keys in every section.
  if (it == Meanings().end()) it = Meanings().find(path.substr(path.rfind('.') + 1));
  return it == Meanings().end() ? "" : it->second;
}

std::string SectionOf(const RecipeKey& key) {
  if (key.range == "stage") return "stages";
  const size_t dot = key.path.find('.');
  return dot == std::string::npos ? "" : key.path.substr(0, dot);
}

std::string DefaultOf(const RecipeKey& key) {
  if (!key.default_value.empty()) return "`" + key.default_value + "`";
  return key.range == "stage" ? "none" : "";
}

std::string RangeOf(const RecipeKey& key) {
  static const std::map<std::string, std::string> kElsewhere = {
      {"curriculum", "[curriculum.md](curriculum.md)"},
      {"environment", "[environments.md](environments.md)"},
      {"eval.environment", "[environments.md](environments.md)"},
      {"reward.terms", "[rewards.md](rewards.md)"},
      {"stages", "[run_folder.md](run_folder.md#stages)"}};
  if (const auto it = kElsewhere.find(key.path); it != kElsewhere.end()) return it->second;
  return key.range == "stage" ? fmt::format("[methods.md](methods.md), `{}`", key.path) : key.range;
}

}  // namespace

std::string RecipesMarkdown() {
  std::string out = kIntroduction;
  out +=
      "## Every key\n\nKeys, defaults and ranges come from the list that reads recipes; a recipe "
      "overrides\nthe defaults.\n";
  const auto keys = RecipeKeys();
  for (const auto& section : kSections) {
    const std::string name = section.name;
    out += name.empty()       ? "\n### Top level\n\n"
           : name == "stages" ? "\n### Stages\n\n"
                              : fmt::format("\n### `{}`\n\n", name);
    out +=
        std::string(section.text) + "\n\n| key | default | values | meaning |\n|---|---|---|---|\n";
    for (const auto& key : keys) {
      if (SectionOf(key) != name) continue;
      out += fmt::format("| `{}` | {} | {} | {} |\n", key.path, DefaultOf(key), RangeOf(key),
                         MeaningOf(key.path));
    }
  }
  out +=
      "\n## verl's and TRL's keys\n\n`stage[method].parameter` is the parameter of that method: "
      "`policy_loss[decoupled_clip].eps_low` is\nwritten `policy_loss: {name: decoupled_clip, "
      "eps_low: 0.2}`. An empty last column: the value as it is.\n\n";
  return out + KeyMapMarkdown();
}

}  // namespace rlvr
