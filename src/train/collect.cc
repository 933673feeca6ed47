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

Collector::Collector(const Recipe& recipe, const Policy& policy, TreePasses* passes,
                     Communicator* ranks)
    : recipe_(recipe),
      policy_(policy),
      passes_(passes),
      ranks_(ranks),
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
  if (!selector_->KeepsAll()) {
    kept_share_ = std::min(1.0, static_cast<double>(recipe.data.prompts_per_step) /
                                    static_cast<double>(PromptsPerRound()));
  }
  // What cannot begin should say so before anything is sampled.
  if (!environment_ && recipe.reward.name != "auto") VerifierOf({});
}

int64_t Collector::PromptsPerRound() const {
  return recipe_.rollout.gen_prompts > 0 ? recipe_.rollout.gen_prompts
                                         : recipe_.data.prompts_per_step;
}

StepBatch Collector::Collect(int64_t step, int64_t position, const RunState& state) {
  StepBatch batch;
  StepTally tally;
  seconds_rescored_ = 0;
  batch.position = position;
  curriculum_.BeginStep(step);
  MakeTerms(step, state);
  const int64_t wanted = recipe_.data.prompts_per_step;
  BatchFill fill(wanted, selector_->max_rounds() * PromptsPerRound(), kept_share_);
  if (SamplesContinuously(recipe_, ranks_->size())) {
    CollectContinuously(step, state, &fill, &tally, &batch);
  } else {
    CollectInRounds(step, state, &fill, &tally, &batch);
  }
  batch.rounds = (batch.sampled_groups + PromptsPerRound() - 1) / PromptsPerRound();
  if (!fill.full()) CheckFilled(step, tally, batch);
  kept_share_ = static_cast<double>(batch.trees.size()) / static_cast<double>(batch.sampled_groups);
  FinishTally(step, tally, &batch);
  AddReplays(step, &batch);
  return batch;
}

// The next group in the order of the prompts becomes a part of the step. Whether it is kept.
bool Collector::Take(int64_t step, Drawn drawn, JudgedGroup group, StepTally* tally,
                     StepBatch* batch) {
  batch->position = drawn.position;
  curriculum_.Count(drawn.draw);
  ++batch->sampled_groups;
  tally->truncated += group.truncated ? 1 : 0;
  JudgedResponses& strategies = tally->strategies;
  strategies.asked += group.strategies.asked;
  strategies.faulty += group.strategies.faulty;
  strategies.failed += group.strategies.failed;
  if (strategies.first_failure.empty()) strategies.first_failure = group.strategies.first_failure;
  Tree& tree = group.tree;
  if (environment_) {  // which has judged its conversations
    tally->conversations.Add(tree, group.results);
    DropAborted(&tree);
    AddRewards(drawn.prompt, &tree, &group.terms);
  }
  if (tree.leaves.empty()) {
    ++tally->lost;
    return false;
  }
  AddTerms(group.terms, &batch->terms);
  const size_t own = tree.leaves.size() - static_cast<size_t>(recipe_.expert.rows);
  AddIllocutionTerms(tree, &batch->terms);
  if (recipe_.replay.opposites > 0) {
    tally->opposites += static_cast<double>(responses_.AddOpposites(step, &tree));
    responses_.Remember(step, tree);
  }
  int64_t right = 0;
  for (const Leaf& leaf : std::span(tree.leaves).first(own)) {
    ++batch->verdicts[static_cast<int>(leaf.verdict)];
    ++batch->sampled;
    right += leaf.verdict == Verdict::kRight;
  }
  batch->outcomes.push_back({tree.prompt_index, static_cast<int64_t>(own), right});
  batch->solve_none += right == 0;
  batch->solve_all += right == static_cast<int64_t>(own);
  if (!selector_->Keep(tree)) return false;
  batch->prompts.push_back(std::move(drawn.prompt));
  batch->trees.push_back(std::move(tree));
  return true;
}

// The prompts that may be tried did not fill the batch: an error, unless groups were lost.
void Collector::CheckFilled(int64_t step, const StepTally& tally, const StepBatch& batch) const {
  if (tally.lost > 0 && !batch.trees.empty()) return;  // smaller than it should be
  if (tally.lost == batch.sampled_groups) {
    const ConversationTally& talks = tally.conversations;
    throw Error(
        fmt::format("step {}", step),
        fmt::format("all {} were aborted, the first by: {}",
                    environment_ ? fmt::format("{} conversations", talks.num_conversations())
                                 : fmt::format("responses of {} groups", tally.lost),
                    environment_ ? talks.first_failure() : tally.strategies.first_failure),
        environment_ ? "mend the environment" : "mend the strategy_judge");
  }
  throw Error(
      fmt::format("step {}", step),
      fmt::format("after {} rounds of {} prompts the selection has kept {} groups of {}",
                  batch.rounds, PromptsPerRound(), batch.trees.size(),
                  recipe_.data.prompts_per_step),
      fmt::format(
          "{} of {} groups had no right answer and {} only right ones; choose prompts of a "
          "fitting "
          "difficulty, or raise select.max_rounds, rollout.group_size or rollout.gen_prompts",
          batch.solve_none, batch.sampled_groups, batch.solve_all));
}

void Collector::FinishTally(int64_t step, const StepTally& tally, StepBatch* batch) {
  const auto term = [&](const char* name, int64_t sum, int64_t weight) {
    batch->terms.push_back({name, static_cast<double>(sum), static_cast<double>(weight)});
  };
  if (recipe_.data.truncation != "error")
    term("prompt_length/truncated", tally.truncated, batch->sampled_groups);
  const JudgedResponses& strategies = tally.strategies;
  if (strategies.asked > 0) {
    term("strategy_judge/faulty", strategies.faulty, strategies.asked);
    term("strategy_judge/failed", strategies.failed, strategies.asked);
  }
  if (recipe_.replay.opposites > 0)
    batch->terms.push_back({"replay/opposites", tally.opposites, 1});
  batch->conversations = tally.conversations.Means();
  const std::string& failure = strategies.first_failure.empty()
                                   ? tally.conversations.first_failure()
                                   : strategies.first_failure;
  if (told_failure_ || failure.empty()) return;
  fmt::print(stderr, "step {}: a {} was left out: {}\n", step,
             environment_ ? "conversation" : "response", failure);
  told_failure_ = true;
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

// Their coefficients may be schedules.
void Collector::MakeTerms(int64_t step, const RunState& state) {
  const ConfigNode* node = RewardTermsNode(recipe_.resolved);
  const ConfigNode terms = ResolveCoefficients(*node, "reward.terms", step, state);
  reward_terms_ = MakeRewardTerms(&terms);
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
    const Prompt prompt = round.prompts[0];
    JudgedGroup group = std::move(SampleRound(step, state, std::move(round)).groups[0]);
    Tree& tree = group.tree;
    if (environment_) {
      DropAborted(&tree);
      AddRewards(prompt, &tree, &group.terms);
    }
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

void Collector::Measure(Metrics* metrics) const {
  curriculum_.Measure(metrics);
  if (recipe_.rollout.quantization != "none")
    (*metrics)["timing_s/old_log_prob"] = seconds_rescored_;
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
