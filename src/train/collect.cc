#include "train/collect.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "eval/conversations.h"
#include "eval/eval.h"
#include "objective/coefficient.h"
#include "rollout/strategy.h"
#include "train/conversations.h"
#include "train/recipe_prompts.h"
#include "train/stopwatch.h"
#include "train/token_temperature.h"

namespace rlvr {
namespace {

// Child of a group's key. Those below 2^32 are samples', those that strategies and conversations use
// lie close above.
constexpr uint64_t kStrategyKey = uint64_t{1} << 41;

constexpr const char* kReplayFile = "replay.cbor";
constexpr const char* kResponsesFile = "responses.cbor";
constexpr const char* kPromptsFile = "prompts.cbor";

// Families by which prompts are ordered; none unless the recipe asks. A prompt without a family is
// found here, before training starts.
std::vector<int32_t> FamilyOrder(const Recipe& recipe, const PromptSource& prompts) {
  if (recipe.data.group_key.empty()) return {};
  std::vector<int32_t> families = FamiliesOf(prompts, recipe.data.group_key);
  if (recipe.data.group_order == "mixed") families.clear();
  return families;
}

// The path from the root to the leaf of this sample, as a tree of its own; no segments if there is
// none.
Tree PathOfSample(const Tree& tree, int sample) {
  Tree one = tree;
  one.segments.clear();
  one.leaves.clear();
  for (const Leaf& leaf : tree.leaves) {
    if (tree.segments[static_cast<size_t>(leaf.segment)].sample != sample) continue;
    for (const int32_t s : tree.Path(leaf.segment)) {
      one.segments.push_back(tree.segments[static_cast<size_t>(s)]);
      one.segments.back().parent = static_cast<int32_t>(one.segments.size()) - 2;
    }
    one.leaves.push_back(leaf);
    one.leaves.back().segment = static_cast<int32_t>(one.segments.size()) - 1;
    break;
  }
  return one;
}

}  // namespace

Collector::Collector(const Recipe& recipe, const Policy& policy, TreePasses* passes)
    : recipe_(recipe),
      policy_(policy),
      passes_(passes),
      prompts_(OpenTrainPrompts(recipe, policy.tokenizer.get())),
      // Another order in each stage.
      curriculum_(recipe.resolved.Find("curriculum"), *prompts_,
                  recipe.seed + static_cast<uint64_t>(recipe.first_step),
                  FamilyOrder(recipe, *prompts_)),
      selector_(MakeSelector(recipe.resolved.Find("select"))),
      services_(ServicesOf(recipe, *policy.model, *policy.tokenizer)),
      environment_(MakeEnvironment(recipe.resolved.Find("environment"), services_)),
      replay_(recipe.replay),
      responses_(recipe.replay) {
  // What cannot begin should say so before anything is sampled.
  if (!environment_ && recipe.reward.name != "auto") VerifierOf({});
}

StepBatch Collector::Collect(int64_t step, int64_t position, const RunState& state) {
  StepBatch batch;
  double opposites = 0;
  int64_t lost = 0;  // groups of which every conversation or response was aborted
  std::string first_failure;
  ConversationTally tally;
  batch.position = position;
  curriculum_.BeginStep(step);
  MakeTerms(step, state);
  const int64_t wanted = recipe_.data.prompts_per_step;
  const int64_t per_round = recipe_.rollout.gen_prompts > 0 ? recipe_.rollout.gen_prompts : wanted;
  while (static_cast<int64_t>(batch.trees.size()) < wanted) {
    if (batch.rounds == selector_->max_rounds()) {
      if (lost > 0 && !batch.trees.empty()) break;  // smaller than it should be
      if (lost == batch.sampled_groups) {
        const bool talks = environment_ != nullptr;
        throw Error(fmt::format("step {}", step),
                    fmt::format("all {} were aborted, the first by: {}",
                                talks ? fmt::format("{} conversations", tally.num_conversations())
                                      : fmt::format("responses of {} groups", lost),
                                talks ? tally.first_failure() : first_failure),
                    talks ? "mend the environment" : "mend the strategy_judge");
      }
      throw Error(
          fmt::format("step {}", step),
          fmt::format("after {} rounds of {} prompts the selection has kept {} groups of {}",
                      batch.rounds, per_round, batch.trees.size(), wanted),
          fmt::format(
              "{} of {} groups had no right answer and {} only right ones; choose prompts of a "
              "fitting "
              "difficulty, or raise select.max_rounds, rollout.group_size or rollout.gen_prompts",
              batch.solve_none, batch.sampled_groups, batch.solve_all));
    }
    Stopwatch watch;
    Round round;
    for (int64_t i = 0; i < per_round; ++i)
      AddRequest(step, curriculum_.Next(&batch.position), &round);
    RolloutStats stats;
    std::vector<Tree> trees = Sample(&round, state, &stats);
    if (recipe_.data.truncation != "error")
      batch.terms.push_back({"prompt_length/truncated", static_cast<double>(round.truncated),
                             static_cast<double>(per_round)});
    batch.rollout.sampled_tokens += stats.sampled_tokens;
    batch.rollout.prompt_tokens += stats.prompt_tokens;
    batch.rollout.decoded_sequences += stats.decoded_sequences;
    batch.rollout.draft_tokens += stats.draft_tokens;
    batch.rollout.accepted_tokens += stats.accepted_tokens;
    batch.seconds_rollout += watch.Lap();
    // Those that it does not answer to leave below.
    const JudgedResponses judged = JudgeStrategies(step, round.prompts, &trees);
    if (judged.asked > 0) {
      const auto asked = static_cast<double>(judged.asked);
      batch.terms.push_back({"strategy_judge/faulty", static_cast<double>(judged.faulty), asked});
      batch.terms.push_back({"strategy_judge/failed", static_cast<double>(judged.failed), asked});
    }
    if (first_failure.empty()) first_failure = judged.first_failure;
    ++batch.rounds;
    batch.sampled_groups += per_round;
    for (size_t i = 0; i < trees.size(); ++i) {
      if (environment_) tally.Add(trees[i], stats.results[i]);
      DropAborted(&trees[i]);
      if (trees[i].leaves.empty()) {
        ++lost;
        continue;
      }
      const size_t own = trees[i].leaves.size();
      if (recipe_.expert.rows > 0) {
        const auto& eos = policy_.model->config().eos_token_ids;
        AddExpertRow(*policy_.tokenizer, round.prompts[i], eos.empty() ? -1 : eos.front(),
                     recipe_.rollout.options.max_tokens, &trees[i]);
      }
      Judge(round.prompts[i], &trees[i], &batch.terms);
      AddIllocutionTerms(trees[i], &batch.terms);
      if (recipe_.replay.opposites > 0) {
        opposites += static_cast<double>(responses_.AddOpposites(step, &trees[i]));
        responses_.Remember(step, trees[i]);
      }
      int64_t right = 0;
      for (const Leaf& leaf : std::span(trees[i].leaves).first(own)) {
        ++batch.verdicts[static_cast<int>(leaf.verdict)];
        ++batch.sampled;
        right += leaf.verdict == Verdict::kRight;
      }
      batch.outcomes.push_back({trees[i].prompt_index, static_cast<int64_t>(own), right});
      batch.solve_none += right == 0;
      batch.solve_all += right == static_cast<int64_t>(own);
      // In the order of the prompts, whichever group was sampled first; a surplus is dropped.
      if (static_cast<int64_t>(batch.trees.size()) == wanted || !selector_->Keep(trees[i]))
        continue;
      batch.prompts.push_back(std::move(round.prompts[i]));
      batch.trees.push_back(std::move(trees[i]));
    }
    batch.seconds_reward += watch.Lap();
  }
  batch.conversations = tally.Means();
  if (first_failure.empty()) first_failure = tally.first_failure();
  if (!told_failure_ && !first_failure.empty()) {
    fmt::print(stderr, "step {}: a {} was left out: {}\n", step,
               environment_ ? "conversation" : "response", first_failure);
    told_failure_ = true;
  }
  if (recipe_.replay.opposites > 0) batch.terms.push_back({"replay/opposites", opposites, 1});
  AddReplays(step, &batch);
  return batch;
}

// Groups of earlier steps, spread evenly between the new ones, so that every mini-batch has its
// share.
void Collector::AddReplays(int64_t step, StepBatch* batch) {
  if (recipe_.replay.groups == 0) return;
  auto replays =
      replay_.Draw(step, StreamKey(recipe_.seed, Stream::kReplay)[static_cast<uint64_t>(step)]);
  for (size_t i = 0; i < batch->trees.size(); ++i)
    replay_.Admit(step, batch->prompts[i], batch->trees[i]);
  const auto own = static_cast<int64_t>(batch->trees.size()),
             added = static_cast<int64_t>(replays.size());
  std::vector<Prompt> prompts;
  std::vector<Tree> trees;
  int64_t next = 0;
  for (int64_t i = 0; i < own; ++i) {
    prompts.push_back(std::move(batch->prompts[static_cast<size_t>(i)]));
    trees.push_back(std::move(batch->trees[static_cast<size_t>(i)]));
    for (; next < added && next * own < added * (i + 1); ++next) {
      prompts.push_back(std::move(replays[static_cast<size_t>(next)].prompt));
      trees.push_back(std::move(replays[static_cast<size_t>(next)].tree));
    }
  }
  batch->prompts = std::move(prompts);
  batch->trees = std::move(trees);
  batch->terms.push_back({"replay/groups", static_cast<double>(added), 1});
  batch->terms.push_back({"replay/stored", static_cast<double>(replay_.size()), 1});
}

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
  for (RolloutRequest& request : round->requests) {
    std::vector<int32_t>& tokens = request.tree.segments[0].tokens;
    const size_t length = tokens.size();
    if (static_cast<int64_t>(length) <= recipe_.data.max_prompt_tokens) continue;
    if (recipe_.data.truncation != "error") {
      round->truncated +=
          TruncatePrompt(recipe_.data.max_prompt_tokens, recipe_.data.truncation, &tokens);
      continue;
    }
    throw Error(fmt::format("{}: prompt {}", recipe_.data.train, request.tree.prompt_index),
                fmt::format("has {} tokens, data.max_prompt_tokens is {}", length,
                            recipe_.data.max_prompt_tokens),
                "raise it, or set data.filter_overlong_prompts or data.truncation");
  }
}

// Their coefficients may be schedules.
void Collector::MakeTerms(int64_t step, const RunState& state) {
  const ConfigNode* node = RewardTermsNode(recipe_.resolved);
  const ConfigNode terms = ResolveCoefficients(*node, "reward.terms", step, state);
  reward_terms_ = MakeRewardTerms(&terms);
}

// The trees of these requests, by the recipe's strategy and at the temperature of this step.
std::vector<Tree> Collector::Sample(Round* round, const RunState& state, RolloutStats* stats) {
  Open(round);
  RolloutOptions options = recipe_.rollout.options;
  options.drafts = &speculation_;
  if (recipe_.rollout.token_temperature.name != "none")
    options.sampling.token_temperature = LoadTokenTemperature(state);
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
      Rollout(*policy_.model, *policy_.tokenizer, options, recipe_.rollout.strategy, judge,
              std::move(round->requests), stats, progress);
  const auto& context = recipe_.rollout.sampling_context;
  if (!context.before.empty() || !context.after.empty()) Rescore(round->prompts, &trees);
  return trees;
}

// Puts the prompt itself in the place of the one with the sampling context. What counts as recorded
// is what the policy that sampled gives the tokens there; what they were drawn with is kept beside.
void Collector::Rescore(const std::vector<Prompt>& prompts, std::vector<Tree>* trees) {
  std::vector<const Tree*> pointers;
  for (size_t i = 0; i < trees->size(); ++i) {
    (*trees)[i].segments[0].tokens = EncodePrompt(*policy_.tokenizer, prompts[i]);
    pointers.push_back(&(*trees)[i]);
  }
  const Statistic wanted[] = {Statistic::kLogp, Statistic::kEntropy};
  const auto fields =
      ScoreTrees(passes_, pointers, wanted, recipe_.rollout.options.sampling.score_temperature(),
                 recipe_.update.micro_batch_tokens);
  for (size_t i = 0; i < trees->size(); ++i) {
    for (size_t s = 1; s < (*trees)[i].segments.size(); ++s) {
      Segment& segment = (*trees)[i].segments[s];
      if (segment.sampler_logp.empty()) segment.sampler_logp = segment.logp;
      segment.logp = fields[0][i][s];
      segment.entropy = fields[1][i][s];
    }
  }
}

const Verifier& Collector::VerifierOf(const Prompt& prompt) {
  const std::string name = recipe_.reward.name == "auto" ? VerifierForDataSource(prompt.data_source)
                                                         : recipe_.reward.name;
  auto& verifier = verifiers_[name];
  if (!verifier) verifier = MakeVerifier(name, recipe_.reward.verifiers);
  return *verifier;
}

// By the judge model of the recipe, if it has one. Conversations have been judged turn by turn.
JudgedResponses Collector::JudgeStrategies(int64_t step, const std::vector<Prompt>& prompts,
                                           std::vector<Tree>* trees) {
  if (environment_ || !services_.reader.read) return {};
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

void Collector::Judge(const Prompt& prompt, Tree* tree, std::vector<MetricTerm>* metrics) {
  if (!environment_) {  // which has judged its conversations
    const auto measured = JudgeTree(*policy_.tokenizer, prompt, VerifierOf(prompt),
                                    recipe_.reward.correct, recipe_.reward.wrong, tree);
    for (const auto& [name, value] : measured) AddTerms({{"reward/" + name, value, 1}}, metrics);
    ApplyIllocution(recipe_.reward.illocution, *policy_.tokenizer, prompt,
                    fmt::format("{}: prompt {}", recipe_.data.train, tree->prompt_index), tree);
  }
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
        AddTerms({{"reward/" + t.name, value, 1}}, metrics);
      }
    }
    if (overlong.name != "soft") continue;
    leaf.reward += static_cast<float>(
        SoftOverlongPunishment(length, max_tokens, overlong.buffer, overlong.penalty_factor));
  }
}

Tree Collector::CollectOne(int64_t step, int64_t position, const RunState& state,
                           int64_t num_groups, int64_t prompt_index, int sample) {
  curriculum_.BeginStep(step);
  MakeTerms(step, state);
  for (int64_t i = 0; i < num_groups; ++i) {
    const Curriculum::Draw draw = curriculum_.Next(&position);
    if (draw.row != prompt_index) continue;
    Round round;
    AddRequest(step, draw, &round);
    std::vector<Tree> trees = Sample(&round, state, nullptr);
    JudgeStrategies(step, round.prompts, &trees);
    Tree& tree = trees[0];
    DropAborted(&tree);
    std::vector<MetricTerm> metrics;
    Judge(round.prompts[0], &tree, &metrics);
    Tree one = PathOfSample(tree, sample);
    if (one.leaves.empty()) {
      throw Error(fmt::format("step {}", step),
                  fmt::format("prompt {} has no sample {}", prompt_index, sample),
                  "rollouts/ names those of the step");
    }
    return one;
  }
  throw Error(fmt::format("step {}", step), fmt::format("did not draw prompt {}", prompt_index),
              "rollouts/ names its prompts");
}

void Collector::Observe(int64_t step, const StepBatch& batch) {
  for (const auto& o : batch.outcomes) curriculum_.state().Observe(o.row, step, o.samples, o.right);
}

void Collector::Save(Files* files) const {
  if (recipe_.replay.groups > 0) (*files)[kReplayFile] = replay_.Save();
  if (recipe_.replay.opposites > 0) (*files)[kResponsesFile] = responses_.Save();
  (*files)[kPromptsFile] = curriculum_.Save();
}

void Collector::Load(const Files& files, const std::string& folder) {
  const auto load = [&](const char* name, auto* part) {
    const auto file = files.find(name);
    if (file != files.end()) part->Load(file->second, folder + "/" + name);
  };
  load(kReplayFile, &replay_);
  load(kResponsesFile, &responses_);
  load(kPromptsFile, &curriculum_);
}

}  // namespace rlvr
