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
  // What cannot begin should say so before anything is sampled.
  if (!environment_ && recipe.reward.name != "auto") VerifierOf({});
}

StepBatch Collector::Collect(int64_t step, int64_t position, const RunState& state) {
  StepBatch batch;
  seconds_rescored_ = 0;
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
    JudgedRound judged = SampleOnRanks(step, state, round);
    if (recipe_.data.truncation != "error")
      batch.terms.push_back({"prompt_length/truncated", static_cast<double>(judged.truncated),
                             static_cast<double>(per_round)});
    batch.rollout.sampled_tokens += judged.sampled_tokens;
    batch.rollout.prompt_tokens += judged.prompt_tokens;
    batch.rollout.decoded_sequences += judged.decoded_sequences;
    batch.rollout.draft_tokens += judged.draft_tokens;
    batch.rollout.accepted_tokens += judged.accepted_tokens;
    batch.seconds_rollout += judged.seconds_rollout;
    if (judged.strategies.asked > 0) {
      const auto asked = static_cast<double>(judged.strategies.asked);
      batch.terms.push_back(
          {"strategy_judge/faulty", static_cast<double>(judged.strategies.faulty), asked});
      batch.terms.push_back(
          {"strategy_judge/failed", static_cast<double>(judged.strategies.failed), asked});
    }
    if (first_failure.empty()) first_failure = judged.strategies.first_failure;
    ++batch.rounds;
    batch.sampled_groups += per_round;
    for (size_t i = 0; i < judged.groups.size(); ++i) {
      JudgedGroup& group = judged.groups[i];
      Tree& tree = group.tree;
      if (environment_) {  // which has judged its conversations
        tally.Add(tree, group.results);
        DropAborted(&tree);
        AddRewards(round.prompts[i], &tree, &group.terms);
      }
      if (tree.leaves.empty()) {
        ++lost;
        continue;
      }
      AddTerms(group.terms, &batch.terms);
      const size_t own = tree.leaves.size() - static_cast<size_t>(recipe_.expert.rows);
      AddIllocutionTerms(tree, &batch.terms);
      if (recipe_.replay.opposites > 0) {
        opposites += static_cast<double>(responses_.AddOpposites(step, &tree));
        responses_.Remember(step, tree);
      }
      int64_t right = 0;
      for (const Leaf& leaf : std::span(tree.leaves).first(own)) {
        ++batch.verdicts[static_cast<int>(leaf.verdict)];
        ++batch.sampled;
        right += leaf.verdict == Verdict::kRight;
      }
      batch.outcomes.push_back({tree.prompt_index, static_cast<int64_t>(own), right});
      batch.solve_none += right == 0;
      batch.solve_all += right == static_cast<int64_t>(own);
      // In the order of the prompts, whichever group was sampled first; a surplus is dropped.
      if (static_cast<int64_t>(batch.trees.size()) == wanted || !selector_->Keep(tree)) continue;
      batch.prompts.push_back(std::move(round.prompts[i]));
      batch.trees.push_back(std::move(tree));
    }
    batch.seconds_reward += watch.Lap() - judged.seconds_rollout;
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
