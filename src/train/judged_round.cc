// One round of sampling: prompts -> rollout -> reward.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "eval/conversations.h"
#include "eval/eval.h"
#include "rollout/strategy.h"
#include "train/collect.h"
#include "train/conversations.h"
#include "train/recipe_prompts.h"
#include "train/stopwatch.h"
#include "train/token_temperature.h"

namespace rlvr {
namespace {

// Child of a group's key. Those below 2^32 are samples', those that strategies and conversations use
// lie close above.
constexpr uint64_t kStrategyKey = uint64_t{1} << 41;

}  // namespace

void Collector::AddRequest(int64_t step, Curriculum::Draw draw, Round* round) const {
  const int64_t row = draw.row;
  Prompt prompt = prompts_->Get(row);
  RolloutRequest request;
  request.tree.prompt_index = row;
  request.tree.occurrence = draw.occurrence;
  request.tree.data_source = prompt.data_source;
  if (!recipe_.data.group_key.empty()) {
    request.tree.family = FamilyOf(prompt, recipe_.data.group_key,
                                   fmt::format("{}: prompt {}", recipe_.data.train, row));
  }
  request.num_samples = curriculum_.GroupSize(recipe_.rollout.group_size);
  request.key = StreamKey(recipe_.seed, Stream::kRollout)[static_cast<uint64_t>(
      step)][static_cast<uint64_t>(row)][static_cast<uint64_t>(request.tree.occurrence)];
  round->prompts.push_back(std::move(prompt));
  round->requests.push_back(std::move(request));
}

// The roots of the requests: the prompts, or what the environment opens them with.
void Collector::Open(Round* round) const {
  if (environment_) {
    OpenConversations(environment_.get(), *policy_.tokenizer, round->prompts, round->requests);
  } else {
    for (size_t i = 0; i < round->prompts.size(); ++i) {
      Prompt sampled = round->prompts[i];
      if (!sampled.messages.empty()) {
        std::string& text = sampled.messages.back().second;
        const auto& context = recipe_.rollout.sampling_context;
        text = context.before + text + context.after;
      }
      round->requests[i].tree.segments.push_back(
          {.tokens = EncodePrompt(*policy_.tokenizer, sampled)});
    }
  }
  round->truncated.assign(round->requests.size(), 0);
  for (size_t i = 0; i < round->requests.size(); ++i) {
    RolloutRequest& request = round->requests[i];
    std::vector<int32_t>& tokens = request.tree.segments[0].tokens;
    const size_t length = tokens.size();
    if (static_cast<int64_t>(length) <= recipe_.data.max_prompt_tokens) continue;
    if (recipe_.data.truncation != "error") {
      round->truncated[i] =
          TruncatePrompt(recipe_.data.max_prompt_tokens, recipe_.data.truncation, &tokens);
      continue;
    }
    throw Error(fmt::format("{}: prompt {}", recipe_.data.train, request.tree.prompt_index),
                fmt::format("has {} tokens, data.max_prompt_tokens is {}", length,
                            recipe_.data.max_prompt_tokens),
                "raise it, or set data.filter_overlong_prompts or data.truncation");
  }
}

// At the temperature of this step.
RolloutOptions Collector::OptionsOf(const RunState& state) {
  RolloutOptions options = recipe_.rollout.options;
  options.drafts = &speculation_;
  if (recipe_.rollout.token_temperature.name != "none")
    options.sampling.token_temperature = LoadTokenTemperature(state);
  return options;
}

// The trees of these requests, by the recipe's strategy.
std::vector<Tree> Collector::Sample(Round* round, const RunState& state, RolloutStats* stats) {
  Open(round);
  const RolloutOptions options = OptionsOf(state);
  const LeafJudge judge = [&](int64_t request, const Tree& tree, const Leaf& leaf) {
    const Prompt& prompt = round->prompts[static_cast<size_t>(request)];
    const Judgement j = VerifierOf(prompt).Judge(
        policy_.tokenizer->Decode(tree.ResponseTokens(leaf), true), prompt.ground_truth);
    return LeafJudgement{j.verdict == Verdict::kRight, !j.answer.empty()};
  };
  const auto progress = [&](int64_t done, int64_t total) {
    if (on_progress)
      on_progress(static_cast<double>(done) / static_cast<double>(std::max<int64_t>(total, 1)));
  };
  std::vector<Tree> trees =
      Rollout(policy_.model->sampler(), *policy_.tokenizer, options, recipe_.rollout.strategy,
              judge, std::move(round->requests), stats, progress);
  const auto& context = recipe_.rollout.sampling_context;
  const bool in_context = !context.before.empty() || !context.after.empty();
  // The prompt itself comes in the place of the one with the sampling context.
  for (size_t i = 0; in_context && i < trees.size(); ++i)
    trees[i].segments[0].tokens = EncodePrompt(*policy_.tokenizer, round->prompts[i]);
  if (in_context || recipe_.rollout.quantization != "none") Rescore(&trees);
  return trees;
}

// Of tokens that the policy drew elsewhere (a prompt with more in it, weights in 8 bits), what counts
// as recorded is what it gives them here; what they were drawn with is kept beside.
void Collector::Rescore(std::vector<Tree>* trees) {
  Stopwatch watch;
  std::vector<const Tree*> pointers;
  for (const Tree& tree : *trees) pointers.push_back(&tree);
  const Statistic wanted[] = {Statistic::kLogp, Statistic::kEntropy};
  const auto fields =
      ScoreTrees(passes_, pointers, wanted, recipe_.rollout.options.sampling.score_temperature(),
                 recipe_.update.micro_batch_tokens);
  for (size_t i = 0; i < trees->size(); ++i) {
    for (size_t s = 1; s < (*trees)[i].segments.size(); ++s) {
      Segment& segment = (*trees)[i].segments[s];
      if (segment.author != Author::kPolicy) continue;
      if (segment.sampler_logp.empty()) segment.sampler_logp = segment.logp;
      segment.logp = fields[0][i][s];
      segment.entropy = fields[1][i][s];
    }
  }
  seconds_rescored_ += watch.Lap();
}

const Verifier& Collector::VerifierOf(const Prompt& prompt) {
  const std::string name = recipe_.reward.name == "auto" ? VerifierForDataSource(prompt.data_source)
                                                         : recipe_.reward.name;
  auto& verifier = verifiers_[name];
  if (!verifier) verifier = MakeVerifier(name, recipe_.reward.verifiers);
  return *verifier;
}

// By the judge model of the recipe, if it has one. Conversations have been judged turn by turn.
std::vector<JudgedResponses> Collector::JudgeStrategies(int64_t step,
                                                        const std::vector<Prompt>& prompts,
                                                        std::vector<Tree>* trees) {
  if (environment_ || !services_.reader.read) return std::vector<JudgedResponses>(trees->size());
  std::vector<RandomKey> keys;
  for (const Tree& tree : *trees) {
    keys.push_back(StreamKey(recipe_.seed,
                             Stream::kRollout)[static_cast<uint64_t>(step)][static_cast<uint64_t>(
        tree.prompt_index)][static_cast<uint64_t>(tree.occurrence)][kStrategyKey]);
  }
  AskedModels* models = recipe_.strategy_judge.name == "model" ? services_.models.get() : nullptr;
  return JudgeResponses(services_.reader, models, recipe_.reward.illocution, *policy_.tokenizer,
                        recipe_.data.train, prompts, keys, *trees);
}

// One group of single responses, also on another thread than the one that samples: those that nobody could judge leave, an expert's comes.
void Collector::Judge(const Prompt& prompt, Tree* tree, std::vector<MetricTerm>* metrics) {
  DropAborted(tree);
  if (tree->leaves.empty()) return;
  if (recipe_.expert.rows > 0) {
    const auto& eos = policy_.model->config().eos_token_ids;
    AddExpertRow(*policy_.tokenizer, prompt, eos.empty() ? -1 : eos.front(),
                 recipe_.rollout.options.max_tokens, tree);
  }
  const auto measured = JudgeTree(*policy_.tokenizer, prompt, VerifierOf(prompt),
                                  recipe_.reward.correct, recipe_.reward.wrong, tree);
  for (const auto& [name, value] : measured) metrics->push_back({"reward/" + name, value, 1});
  ApplyIllocution(recipe_.reward.illocution, *policy_.tokenizer, prompt,
                  fmt::format("{}: prompt {}", recipe_.data.train, tree->prompt_index), tree);
  AddRewards(prompt, tree, metrics);
}

// What rewards a judged trajectory beside its verdict. Terms are not added up here: in what order
// they are must not depend on the ranks.
void Collector::AddRewards(const Prompt& prompt, Tree* tree, std::vector<MetricTerm>* metrics) {
  const int64_t max_tokens = MostResponseTokens(recipe_);
  const OverlongSettings& overlong = recipe_.reward.overlong;
  for (Leaf& leaf : tree->leaves) {
    const std::vector<int32_t> response = tree->ResponseTokens(leaf);
    const auto length = static_cast<int64_t>(response.size()) - leaf.prefix;
    if (!reward_terms_.empty()) {
      const std::string text = policy_.tokenizer->Decode(response, true);
      const JudgedResponse judged{
          .text = text,
          .num_tokens = length,
          .max_tokens = max_tokens,
          .right = leaf.verdict == Verdict::kRight,
          .truncated = leaf.finish == Finish::kLength,
          .extra_info = prompt.extra_info,
          .place = fmt::format("{}: prompt {}", recipe_.data.train, tree->prompt_index)};
      for (const WeightedTerm& t : reward_terms_) {
        const double value = (*t.term)(judged);
        leaf.reward += static_cast<float>(t.coefficient * value);
        metrics->push_back({"reward/" + t.name, value, 1});
      }
    }
    if (overlong.name != "soft") continue;
    leaf.reward += static_cast<float>(
        SoftOverlongPunishment(length, max_tokens, overlong.buffer, overlong.penalty_factor));
  }
}

// The groups of these prompts. Single responses come judged, conversations as they were sampled.
Collector::JudgedRound Collector::SampleRound(int64_t step, const RunState& state, Round round) {
  JudgedRound judged;
  if (round.prompts.empty()) return judged;  // more ranks than prompts
  Stopwatch watch;
  std::vector<Tree> trees = Sample(&round, state, &judged.rollout);
  judged.seconds_rollout = watch.Lap();
  std::vector<JudgedResponses> strategies = JudgeStrategies(step, round.prompts, &trees);
  for (size_t i = 0; i < trees.size(); ++i) {
    JudgedGroup& group = judged.groups.emplace_back();
    group.tree = std::move(trees[i]);
    group.truncated = round.truncated[i] != 0;
    group.strategies = std::move(strategies[i]);
    if (environment_) {
      group.results = std::move(judged.rollout.results[i]);
    } else {
      Judge(round.prompts[i], &group.tree, &group.terms);
    }
  }
  return judged;
}

}  // namespace rlvr
