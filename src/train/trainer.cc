#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "data/data.h"
#include "eval/eval.h"
#include "eval/policy.h"
#include "objective/coefficient.h"
#include "objective/objective.h"
#include "rollout/strategy.h"
#include "train/checkpoint.h"
#include "train/critic.h"
#include "train/curriculum.h"
#include "train/flow_reward.h"
#include "train/foreign_rows.h"
#include "train/likelihood_reward.h"
#include "train/metrics.h"
#include "train/process_reward.h"
#include "train/reference.h"
#include "train/run_folder.h"
#include "train/supervised.h"
#include "train/token_temperature.h"
#include "train/turn_gain.h"
#include "train/update.h"
#include "verify/reward_term.h"
#include "verify/verify.h"

namespace rlvr {
namespace {

class Stopwatch {
 public:
  // Seconds since the last call.
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// The groups of one step and what it took to get them.
struct StepBatch {
  std::vector<Prompt> prompts;  // of the kept groups
  std::vector<Tree> trees;      // likewise, in the order of the prompts
  Rows rows;                    // likewise: one row a trajectory
  int64_t rounds = 0, sampled_groups = 0;
  int64_t position = 0;  // in the order of the prompts, after the last one sampled
  struct Sampled {
    int64_t row = 0, samples = 0, right = 0;
  };
  std::vector<Sampled> outcomes;          // of every sampled group, kept or not
  int64_t solve_none = 0, solve_all = 0;  // of the sampled groups
  int64_t verdicts[4] = {}, sampled = 0;  // of the sampled trajectories
  RolloutStats rollout;
  std::vector<MetricTerm> terms;  // of reward shaping and advantages
  double seconds_rollout = 0, seconds_reward = 0, seconds_process_reward = 0,
         seconds_flow_reward = 0;
};

constexpr const char* kReplayFile = "replay.cbor";
constexpr const char* kResponsesFile = "responses.cbor";
constexpr const char* kPromptsFile = "prompts.cbor";
constexpr const char* kFlowFile = "flow_field.cbor";

constexpr const char* kLossAndBatchStages[] = {"reward_shaping", "advantage", "token_weight",
                                               "policy_loss", "regularizer"};

// Advantages of group g's policy tokens: [leaves][n]; 0 for a prefix that is prompt to its leaf.
std::vector<std::vector<double>> LeafAdvantages(const Rows& rows, size_t g, const Tree& tree) {
  std::vector<std::vector<double>> adv;
  for (int64_t s = rows.group_begin[g]; s < rows.group_begin[g + 1]; ++s) {
    const Leaf& leaf = tree.leaves[static_cast<size_t>(s - rows.group_begin[g])];
    adv.emplace_back(static_cast<size_t>(leaf.prefix), 0.0);
    adv.back().insert(adv.back().end(), rows.adv.begin() + rows.begin[s],
                      rows.adv.begin() + rows.begin[s + 1]);
  }
  return adv;
}

std::vector<const Tree*> Pointers(const std::vector<Tree>& trees) {
  std::vector<const Tree*> pointers;
  for (const Tree& tree : trees) pointers.push_back(&tree);
  return pointers;
}

// What one run holds in memory. Step() does one step and writes nothing; Run() writes.
class Trainer {
 public:
  Trainer(const Recipe& recipe, std::string run_folder);
  void Restore(int64_t checkpoint) {
    at_ = LoadCheckpoint(run_folder_, checkpoint, policy_.model.get(), &optimizer_, OtherModels());
    if (const auto file = at_.files.find(kReplayFile); file != at_.files.end())
      replay_.Load(file->second, CheckpointFolder(run_folder_, checkpoint) + "/" + kReplayFile);
    if (const auto file = at_.files.find(kResponsesFile); file != at_.files.end())
      responses_.Load(file->second,
                      CheckpointFolder(run_folder_, checkpoint) + "/" + kResponsesFile);
    if (const auto file = at_.files.find(kPromptsFile); file != at_.files.end())
      curriculum_.Load(file->second,
                       CheckpointFolder(run_folder_, checkpoint) + "/" + kPromptsFile);
    if (const auto file = at_.files.find(kFlowFile); flow_reward_ && file != at_.files.end())
      flow_reward_->field()->Load(file->second,
                                  CheckpointFolder(run_folder_, checkpoint) + "/" + kFlowFile);
  }
  int64_t step() const { return at_.step; }
  Metrics Step();
  void Run();
  Tree Replay(int64_t prompt_index, int sample);

 private:
  StepBatch Collect(int64_t step);
  void AddReplays(int64_t step, StepBatch* batch);
  std::vector<Tree> Sample(const std::vector<Prompt>& prompts, std::vector<RolloutRequest> requests,
                           RolloutStats* stats = nullptr,
                           const std::function<void(int64_t, int64_t)>& progress = {});
  RolloutRequest Request(int64_t step, Curriculum::Draw draw, Prompt* prompt);
  const Verifier& VerifierOf(const Prompt& prompt);
  void MakeTerms(int64_t step);
  void Judge(const Prompt& prompt, Tree* tree, std::vector<MetricTerm>* metrics);
  void FitTemperature();
  void Rescore(const std::vector<Prompt>& prompts, std::vector<Tree>* trees);
  void MakeStages();
  void Credit(StepBatch* batch);
  UpdateResult Update(const StepBatch& batch);
  void UpdateCritic(StepBatch* batch);
  void RewardTokens(StepBatch* batch);
  void RewardByFlow(StepBatch* batch);
  bool PolicyWaits() const;
  Needs StageNeeds() const;
  int64_t MiniBatchGroups(int64_t n) const;
  std::vector<SecondModel> OtherModels();
  Metrics Measure(const StepBatch& batch, const UpdateResult& update) const;
  void RunSteps(MetricsLog* log);
  void Record(MetricsLog* log, Metrics metrics, Stopwatch* watch);
  void Save();

  Recipe recipe_;
  std::string run_folder_;
  Policy policy_;
  std::unique_ptr<PromptSource> prompts_;
  Curriculum curriculum_;
  std::unique_ptr<Selector> selector_;
  BatchStages reward_shaping_, advantage_;
  std::unique_ptr<Objective> objective_;
  std::map<std::string, std::unique_ptr<Verifier>> verifiers_;
  std::vector<WeightedTerm> reward_terms_;  // of this step
  Optimizer optimizer_;
  std::unique_ptr<Updater> updater_;
  std::unique_ptr<Reference> reference_;  // this one and the next three: where a method needs them
  std::unique_ptr<Critic> critic_;
  std::unique_ptr<ProcessReward> process_reward_;
  std::unique_ptr<FlowReward> flow_reward_;
  std::unique_ptr<LikelihoodReward> likelihood_;
  std::unique_ptr<TurnGain> turn_gain_;
  ReplayStore replay_;
  ResponseStore responses_;
  Progression at_;
  StepBatch batch_;                         // of the last step, for rollouts/
  bool whole_ = true;                       // weights and at_ are those of a whole, recorded step
  std::function<void(double)> on_rollout_;  // share of the step's sampling that is done
};

// One step of reinforcement learning.
Metrics Trainer::Step() {
  batch_ = Collect(at_.step + 1);  // prompts -> rollout -> reward -> select
  MakeStages();                    // coefficients of this step
  whole_ = false;
  Credit(&batch_);  // rewards -> an advantage for every token
  Stopwatch watch;
  if (critic_) UpdateCritic(&batch_);
  const double critic_seconds = watch.Lap();
  const UpdateResult update = Update(batch_);  // objective -> coefficients -> gradients -> weights
  const double seconds = watch.Lap();
  FitTemperature();
  at_.step += 1;
  at_.position = batch_.position;
  for (const auto& o : batch_.outcomes)
    curriculum_.state().Observe(o.row, at_.step, o.samples, o.right);
  if (reference_) reference_->AfterStep(at_.step, *policy_.model, &optimizer_);
  Metrics metrics = Measure(batch_, update);
  metrics["timing_s/update_actor"] = seconds;
  if (critic_) metrics["timing_s/update_critic"] = critic_seconds;
  if (process_reward_) metrics["timing_s/process_reward"] = batch_.seconds_process_reward;
  if (flow_reward_) metrics["timing_s/flow_reward"] = batch_.seconds_flow_reward;
  for (const char* stage : kLossAndBatchStages) {
    if (const ConfigNode* node = recipe_.resolved.Find(stage))
      UpdateControllers(*node, stage, metrics, &at_.state);
  }
  UpdateControllers(*RewardTermsNode(recipe_.resolved), "reward.terms", metrics, &at_.state);
  return metrics;
}

StepBatch Trainer::Collect(int64_t step) {
  StepBatch batch;
  double opposites = 0;
  batch.position = at_.position;
  curriculum_.BeginStep(step);
  MakeTerms(step);
  const int64_t wanted = recipe_.data.prompts_per_step;
  const int64_t per_round = recipe_.rollout.gen_prompts > 0 ? recipe_.rollout.gen_prompts : wanted;
  while (static_cast<int64_t>(batch.trees.size()) < wanted) {
    if (batch.rounds == selector_->max_rounds()) {
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
    std::vector<Prompt> prompts(static_cast<size_t>(per_round));
    std::vector<RolloutRequest> requests;
    for (int64_t i = 0; i < per_round; ++i) {
      requests.push_back(
          Request(step, curriculum_.Next(&batch.position), &prompts[static_cast<size_t>(i)]));
    }
    RolloutStats stats;
    const auto progress = [&](int64_t done, int64_t total) {
      if (on_rollout_)
        on_rollout_(static_cast<double>(done) / static_cast<double>(std::max<int64_t>(total, 1)));
    };
    std::vector<Tree> trees = Sample(prompts, std::move(requests), &stats, progress);
    batch.rollout.sampled_tokens += stats.sampled_tokens;
    batch.rollout.prompt_tokens += stats.prompt_tokens;
    batch.seconds_rollout += watch.Lap();
    ++batch.rounds;
    batch.sampled_groups += per_round;
    for (size_t i = 0; i < trees.size(); ++i) {
      const size_t own = trees[i].leaves.size();
      if (recipe_.expert.rows > 0) {
        const auto& eos = policy_.model->config().eos_token_ids;
        AddExpertRow(*policy_.tokenizer, prompts[i], eos.empty() ? -1 : eos.front(),
                     recipe_.rollout.options.max_tokens, &trees[i]);
      }
      Judge(prompts[i], &trees[i], &batch.terms);
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
      batch.prompts.push_back(std::move(prompts[i]));
      batch.trees.push_back(std::move(trees[i]));
    }
    batch.seconds_reward += watch.Lap();
  }
  if (recipe_.replay.opposites > 0) batch.terms.push_back({"replay/opposites", opposites, 1});
  AddReplays(step, &batch);
  return batch;
}

// Groups of earlier steps, spread evenly between the new ones, so that every mini-batch has its
// share.
void Trainer::AddReplays(int64_t step, StepBatch* batch) {
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

RolloutRequest Trainer::Request(int64_t step, Curriculum::Draw draw, Prompt* prompt) {
  const int64_t row = draw.row;
  *prompt = prompts_->Get(row);
  RolloutRequest request;
  request.tree.prompt_index = row;
  request.tree.occurrence = draw.occurrence;
  request.tree.data_source = prompt->data_source;
  if (!recipe_.data.group_key.empty()) {
    request.tree.family = FamilyOf(*prompt, recipe_.data.group_key,
                                   fmt::format("{}: prompt {}", recipe_.data.train, row));
  }
  Prompt sampled = *prompt;
  if (!sampled.messages.empty()) {
    std::string& text = sampled.messages.back().second;
    text = recipe_.rollout.sampling_context.before + text + recipe_.rollout.sampling_context.after;
  }
  Segment root;
  root.tokens = EncodePrompt(*policy_.tokenizer, sampled);
  if (static_cast<int64_t>(root.tokens.size()) > recipe_.data.max_prompt_tokens) {
    throw Error(fmt::format("{}: prompt {}", recipe_.data.train, row),
                fmt::format("has {} tokens, data.max_prompt_tokens is {}", root.tokens.size(),
                            recipe_.data.max_prompt_tokens),
                "raise it, or remove the row");
  }
  request.tree.segments.push_back(std::move(root));
  request.num_samples = curriculum_.GroupSize(recipe_.rollout.group_size);
  request.key = StreamKey(recipe_.seed, Stream::kRollout)[static_cast<uint64_t>(
      step)][static_cast<uint64_t>(row)][static_cast<uint64_t>(request.tree.occurrence)];
  return request;
}

// Their coefficients may be schedules.
void Trainer::MakeTerms(int64_t step) {
  const ConfigNode* node = RewardTermsNode(recipe_.resolved);
  const ConfigNode terms = ResolveCoefficients(*node, "reward.terms", step, at_.state);
  reward_terms_ = MakeRewardTerms(&terms);
}

// The trees of these requests, by the recipe's strategy and at the temperature of this step.
std::vector<Tree> Trainer::Sample(const std::vector<Prompt>& prompts,
                                  std::vector<RolloutRequest> requests, RolloutStats* stats,
                                  const std::function<void(int64_t, int64_t)>& progress) {
  RolloutOptions options = recipe_.rollout.options;
  if (recipe_.rollout.token_temperature.name != "none")
    options.sampling.token_temperature = LoadTokenTemperature(at_.state);
  const LeafJudge judge = [&](int64_t request, const Tree& tree, const Leaf& leaf) {
    const Prompt& prompt = prompts[static_cast<size_t>(request)];
    const Judgement j = VerifierOf(prompt).Judge(
        policy_.tokenizer->Decode(tree.ResponseTokens(leaf), true), prompt.ground_truth);
    return LeafJudgement{j.verdict == Verdict::kRight, !j.answer.empty()};
  };
  std::vector<Tree> trees =
      Rollout(*policy_.model, *policy_.tokenizer, options, recipe_.rollout.strategy, judge,
              std::move(requests), stats, progress);
  const auto& context = recipe_.rollout.sampling_context;
  if (!context.before.empty() || !context.after.empty()) Rescore(prompts, &trees);
  return trees;
}

// Puts the prompt itself in the place of the one with the sampling context. What counts as recorded
// is what the policy that sampled gives the tokens there; what they were drawn with is kept beside.
void Trainer::Rescore(const std::vector<Prompt>& prompts, std::vector<Tree>* trees) {
  for (size_t i = 0; i < trees->size(); ++i)
    (*trees)[i].segments[0].tokens = EncodePrompt(*policy_.tokenizer, prompts[i]);
  const Statistic wanted[] = {Statistic::kLogp, Statistic::kEntropy};
  const auto fields = ScoreTrees(updater_->passes(), Pointers(*trees), wanted,
                                 recipe_.rollout.options.sampling.score_temperature(),
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

// What the next step's sampling is told of this step's entropies.
void Trainer::FitTemperature() {
  const TokenTemperatureSettings& settings = recipe_.rollout.token_temperature;
  if (settings.name == "none") return;
  const Rows& rows = batch_.rows;
  std::vector<double> entropy;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    for (int64_t t = rows.begin[s]; t < rows.begin[s + 1] && !rows.foreign[s]; ++t)
      entropy.push_back(rows.entropy_old[t]);
  }
  SaveTokenTemperature(FitTokenTemperature(settings, entropy), &at_.state);
}

const Verifier& Trainer::VerifierOf(const Prompt& prompt) {
  const std::string name = recipe_.reward.name == "auto" ? VerifierForDataSource(prompt.data_source)
                                                         : recipe_.reward.name;
  auto& verifier = verifiers_[name];
  if (!verifier) verifier = MakeVerifier(name);
  return *verifier;
}

void Trainer::Judge(const Prompt& prompt, Tree* tree, std::vector<MetricTerm>* metrics) {
  JudgeTree(*policy_.tokenizer, prompt, VerifierOf(prompt), recipe_.reward.correct,
            recipe_.reward.wrong, tree);
  const OverlongSettings& overlong = recipe_.reward.overlong;
  for (Leaf& leaf : tree->leaves) {
    leaf.reward = leaf.score;
    const std::vector<int32_t> response = tree->ResponseTokens(leaf);
    const auto length = static_cast<int64_t>(response.size()) - leaf.prefix;
    if (!reward_terms_.empty()) {
      const std::string text = policy_.tokenizer->Decode(response, true);
      const JudgedResponse judged{
          .text = text,
          .num_tokens = length,
          .max_tokens = recipe_.rollout.options.max_tokens,
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
    leaf.reward += static_cast<float>(SoftOverlongPunishment(
        length, recipe_.rollout.options.max_tokens, overlong.buffer, overlong.penalty_factor));
  }
}

// Schedules and controllers give the stages new numbers at every step.
void Trainer::MakeStages() {
  const auto at_step = [&](const char* stage) -> ConfigNode {
    const ConfigNode* node = recipe_.resolved.Find(stage);
    return node ? ResolveCoefficients(*node, stage, at_.step + 1, at_.state) : ConfigNode{};
  };
  const ConfigNode shaping = at_step("reward_shaping"), advantage = at_step("advantage"),
                   weight = at_step("token_weight"), loss = at_step("policy_loss"),
                   regularizer = at_step("regularizer");
  reward_shaping_ = MakeRewardShaping(&shaping);
  advantage_ = MakeAdvantage(&advantage);
  objective_ = MakeObjective(&weight, &loss, &regularizer);
}

// Rewards -> advantages, over the whole rollout batch.
void Trainer::Credit(StepBatch* batch) {
  const auto trees = Pointers(batch->trees);
  Rows& rows = batch->rows;
  rows = MakeRows(trees);
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    if (recipe_.reward.overlong.name != "filter" || !rows.truncated[s]) continue;
    std::fill(rows.mask.begin() + rows.begin[s], rows.mask.begin() + rows.begin[s + 1], 0.0);
  }
  if (likelihood_)
    AddTerms(likelihood_->Reward(updater_->passes(), batch->prompts, trees, &rows), &batch->terms);
  if (turn_gain_)
    AddTerms(turn_gain_->Reward(updater_->passes(), batch->prompts, trees, &rows), &batch->terms);
  const Needs needs = StageNeeds();
  const float temperature = recipe_.rollout.options.sampling.score_temperature();
  const int64_t micro = recipe_.update.micro_batch_tokens;
  if (reference_) rows.logp_ref = reference_->Logp(trees, temperature, micro);
  if (process_reward_) RewardTokens(batch);
  if (flow_reward_) RewardByFlow(batch);
  if (critic_) rows.value = critic_->Values(trees);
  if (!needs.behaviour.empty()) {
    const auto fields = ScoreTrees(updater_->passes(), trees, needs.behaviour, temperature, micro);
    for (size_t i = 0; i < fields.size(); ++i)
      rows.behaviour[ToString(needs.behaviour[i])] = LeafRows(trees, fields[i]);
  }
  BatchContext context{
      .step = at_.step + 1,
      .total_steps = recipe_.trainer.steps,
      .max_tokens = recipe_.rollout.options.max_tokens,
      .key = StreamKey(recipe_.seed, Stream::kObjective)[static_cast<uint64_t>(at_.step + 1)],
      .state = &at_.state,
      .tokenizer = policy_.tokenizer.get(),
      .metrics = &batch->terms};
  const RandomKey key = context.key;
  context.key = key[0];
  reward_shaping_.Apply(&rows, context);
  size_t row = 0;  // rollouts/ shows the reward that trained
  for (Tree& tree : batch->trees) {
    for (Leaf& leaf : tree.leaves) leaf.reward = static_cast<float>(rows.reward[row++]);
  }
  context.key = key[1];
  advantage_.Apply(&rows, context);
}

// Of a batch of n groups. Replayed groups make mini-batches larger, not more.
int64_t Trainer::MiniBatchGroups(int64_t n) const {
  const int64_t own = recipe_.data.prompts_per_step, mini = recipe_.update.mini_batch_prompts;
  if (mini == 0) return n;
  const int64_t updates = (own + mini - 1) / mini;
  return n == own ? mini : (n + updates - 1) / updates;
}

// The process reward model's rewards, and its own training on the batch.
void Trainer::RewardTokens(StepBatch* batch) {
  Stopwatch watch;
  const auto trees = Pointers(batch->trees);
  const auto n = static_cast<int64_t>(trees.size()), mini = MiniBatchGroups(n);
  Rows& rows = batch->rows;
  const auto update = [&] {
    for (int64_t begin = 0; begin < n; begin += mini) {
      const int64_t end = std::min(n, begin + mini);
      const auto part =
          std::span(trees).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      AddTerms(process_reward_->MiniBatch(part, Part(rows, begin, end)), &batch->terms);
    }
  };
  if (recipe_.process_reward.update == "before") update();
  const std::vector<double> reward = process_reward_->Rewards(trees, rows);
  for (size_t t = 0; t < reward.size(); ++t) rows.token_reward[t] += reward[t];
  if (recipe_.process_reward.update == "after") update();
  batch->seconds_process_reward = watch.Lap();
}

// The flow field's rewards, and its own training on the batch.
void Trainer::RewardByFlow(StepBatch* batch) {
  Stopwatch watch;
  const auto trees = Pointers(batch->trees);
  const auto n = static_cast<int64_t>(trees.size()), mini = MiniBatchGroups(n);
  Rows& rows = batch->rows;
  const RandomKey key = RandomKey(recipe_.seed)[kFlowStream][static_cast<uint64_t>(at_.step + 1)];
  const auto update = [&] {
    for (int64_t begin = 0; begin < n; begin += mini) {
      const int64_t end = std::min(n, begin + mini);
      const auto part =
          std::span(trees).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      AddTerms(flow_reward_->MiniBatch(updater_->passes(), part, Part(rows, begin, end), key[1]),
               &batch->terms);
    }
  };
  if (recipe_.flow_reward.update == "before") update();
  const std::vector<double> reward =
      flow_reward_->Rewards(updater_->passes(), trees, rows, key[0], &batch->terms);
  for (size_t t = 0; t < reward.size(); ++t) rows.token_reward[t] += reward[t];
  if (recipe_.flow_reward.update == "after") update();
  batch->seconds_flow_reward = watch.Lap();
}

// In the first steps only what judges the policy learns.
bool Trainer::PolicyWaits() const {
  const int64_t done = at_.step - recipe_.first_step;
  return (critic_ && done < recipe_.critic.warmup_steps) ||
         (flow_reward_ && done < recipe_.flow_reward.warmup_steps);
}

// The critic learns first, on all mini-batches, as in verl.
void Trainer::UpdateCritic(StepBatch* batch) {
  const auto trees = Pointers(batch->trees);
  const auto n = static_cast<int64_t>(trees.size());
  const int64_t mini = MiniBatchGroups(n);
  if (batch->rows.value_target.empty()) {
    throw Error(fmt::format("step {}", at_.step + 1),
                "a critic is trained but no advantage made targets for it",
                "use advantage: {name: gae}");
  }
  for (int epoch = 0; epoch < recipe_.update.epochs; ++epoch) {
    for (int64_t begin = 0; begin < n; begin += mini) {
      const int64_t end = std::min(n, begin + mini);
      const auto part =
          std::span(trees).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      AddTerms(critic_->MiniBatch(part, Part(batch->rows, begin, end)), &batch->terms);
    }
  }
  Summary values, targets;
  for (size_t t = 0; t < batch->rows.mask.size(); ++t) {
    if (batch->rows.mask[t] == 0) continue;
    values.Add(batch->rows.value[t]);
    targets.Add(batch->rows.value_target[t]);
  }
  batch->terms.push_back({"critic/values/mean", values.mean(), 1});
  batch->terms.push_back({"critic/returns/mean", targets.mean(), 1});
  batch->terms.push_back({"critic/vf_explained_var", ExplainedVariance(batch->rows), 1});
}

std::vector<SecondModel> Trainer::OtherModels() {
  std::vector<SecondModel> models;
  if (reference_ && reference_->moves()) models.push_back({"reference", reference_->model()});
  if (critic_) models.push_back({"critic", critic_->model(), critic_->optimizer()});
  if (process_reward_) {
    models.push_back({"process_reward", process_reward_->model(), process_reward_->optimizer()});
  }
  return models;
}

Needs Trainer::StageNeeds() const {
  Needs needs = objective_->needs();
  needs.Add(reward_shaping_.needs());
  needs.Add(advantage_.needs());
  return needs;
}

UpdateResult Trainer::Update(const StepBatch& batch) {
  const auto trees = Pointers(batch.trees);
  const auto n = static_cast<int64_t>(trees.size());
  const int64_t mini = MiniBatchGroups(n);
  updater_->SetObjective(objective_.get());
  UpdateResult sum;
  sum.terms = batch.terms;
  if (PolicyWaits()) return sum;
  double norm = 0, count = 0;
  for (int epoch = 0; epoch < recipe_.update.epochs; ++epoch) {
    for (int64_t begin = 0; begin < n; begin += mini) {
      const int64_t end = std::min(n, begin + mini);
      const auto part =
          std::span(trees).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      const bool on_policy = epoch == 0 && begin == 0;  // no weight has changed since sampling
      const RandomKey key = StreamKey(
          recipe_.seed, Stream::kObjective)[0][static_cast<uint64_t>(optimizer_.step + 1)];
      Updater::GradientTerm more;
      if (likelihood_) {
        more = [&](TreePasses* passes, Gradient* gradient) {
          likelihood_->AddGradient(passes, begin, end, gradient);
        };
      }
      UpdateResult result = updater_->MiniBatch(part, Part(batch.rows, begin, end), on_policy, key,
                                                &optimizer_, more);
      norm += result.applied.norm;
      count += 1;
      sum.applied.lr = result.applied.lr;
      sum.objective += result.objective;
      sum.probs_diff_max = std::max(sum.probs_diff_max, result.probs_diff_max);
      sum.trained_tokens += result.trained_tokens;
      for (MetricTerm& term : result.terms) {  // a mini-batch's whole: their mean
        if (term.weight == 0) term.weight = 1;
      }
      AddTerms(result.terms, &sum.terms);
    }
  }
  sum.applied.norm = norm / count;
  sum.objective /= count;
  return sum;
}

Metrics Trainer::Measure(const StepBatch& batch, const UpdateResult& update) const {
  Summary score, reward, advantage, response, prompt, entropy;
  const Rows& rows = batch.rows;
  int64_t truncated = 0, num_leaves = 0;
  for (int64_t s = 0; s < rows.num_rows(); ++s) {
    if (rows.foreign[s]) continue;
    ++num_leaves;
    score.Add(rows.score[s]);
    reward.Add(rows.reward[s]);
    response.Add(static_cast<double>(rows.length(s)));
    truncated += rows.truncated[s];
  }
  for (size_t t = 0; t < rows.adv.size(); ++t) {
    if (rows.mask[t] != 0) advantage.Add(rows.adv[t]);
  }
  int64_t kept = 0;
  for (const Tree& tree : batch.trees) {
    const bool own =
        std::any_of(tree.segments.begin(), tree.segments.end(),
                    [](const Segment& segment) { return segment.author == Author::kPolicy; });
    if (!own) continue;  // replayed as a whole
    ++kept;
    const auto length = static_cast<double>(tree.segments[0].tokens.size());
    for (size_t l = 0; l < tree.leaves.size(); ++l) prompt.Add(length);
    for (const Segment& segment : tree.segments) {
      if (segment.author != Author::kPolicy) continue;
      for (const float e : segment.entropy) entropy.Add(e);
    }
  }
  Metrics m = MetricsOf(update.terms);
  score.Write("critic/score", &m);
  reward.Write("critic/rewards", &m);
  advantage.Write("critic/advantages", &m);
  response.Write("response_length", &m);
  prompt.Write("prompt_length", &m);
  m["response_length/clip_ratio"] =
      static_cast<double>(truncated) / static_cast<double>(num_leaves);
  m.emplace("actor/entropy", entropy.mean());
  m["actor/objective"] = update.objective;
  m["actor/grad_norm"] = update.applied.norm;
  m["actor/lr"] = update.applied.lr;
  m["training/global_step"] = static_cast<double>(at_.step);
  m["training/epoch"] = static_cast<double>(at_.position) / static_cast<double>(prompts_->size());
  m["training/rollout_probs_diff_max"] = update.probs_diff_max;
  for (const Verdict v : {Verdict::kRight, Verdict::kWrong, Verdict::kTimedOut, Verdict::kBroken}) {
    m[std::string("verdict/") + ToString(v)] =
        static_cast<double>(batch.verdicts[static_cast<int>(v)]) /
        static_cast<double>(batch.sampled);
  }
  m["select/rounds"] = static_cast<double>(batch.rounds);
  m["select/kept"] = static_cast<double>(kept);
  m["select/sampled"] = static_cast<double>(batch.sampled_groups);
  m["batch/solve_none"] =
      static_cast<double>(batch.solve_none) / static_cast<double>(batch.sampled_groups);
  m["batch/solve_all"] =
      static_cast<double>(batch.solve_all) / static_cast<double>(batch.sampled_groups);
  curriculum_.Measure(&m);
  m["timing_s/gen"] = batch.seconds_rollout;
  m["timing_s/reward"] = batch.seconds_reward;
  m["perf/sampled_tokens_per_s"] =
      static_cast<double>(batch.rollout.sampled_tokens) / batch.seconds_rollout;
  m["perf/trained_tokens"] = static_cast<double>(update.trained_tokens);
  m["perf/total_tokens"] = (prompt.mean() + response.mean()) * static_cast<double>(num_leaves);
  return m;
}

// Evaluation, metrics, rollouts and checkpoint of the step that was just made.
void Trainer::Record(MetricsLog* log, Metrics metrics, Stopwatch* watch) {
  const int64_t step = at_.step;
  const auto& t = recipe_.trainer;
  const bool last = step == t.steps;
  double seconds = watch->Lap();
  metrics["perf/throughput"] = metrics["perf/total_tokens"] / seconds;
  metrics["perf/trained_tokens_per_s"] =
      metrics["perf/trained_tokens"] / metrics["timing_s/update_actor"];
  if ((recipe_.eval.every > 0 && step % recipe_.eval.every == 0) || (last && recipe_.eval.after)) {
    EvaluateAndRecord(recipe_, run_folder_, step, *policy_.model, *policy_.tokenizer, &metrics);
    metrics["timing_s/eval"] = watch->Lap();
    seconds += metrics["timing_s/eval"];
  }
  metrics["timing_s/step"] = seconds;
  metrics["perf/max_memory_gb"] = PeakMemoryGb();
  if (t.rollouts_every > 0 && step % t.rollouts_every == 0) {
    std::vector<RecordedGroup> groups;
    for (size_t g = 0; g < batch_.trees.size() && static_cast<int64_t>(g) < t.rollout_groups; ++g) {
      groups.push_back(
          {&batch_.prompts[g], &batch_.trees[g], LeafAdvantages(batch_.rows, g, batch_.trees[g])});
    }
    WriteTrajectories(run_folder_ + "/rollouts/" + StepName(step) + ".jsonl", step,
                      *policy_.tokenizer, groups);
  }
  log->Write(step, metrics);
  whole_ = true;
  if (last || (t.checkpoint_every > 0 && step % t.checkpoint_every == 0)) Save();
}

void Trainer::Save() {
  if (recipe_.replay.groups > 0) at_.files[kReplayFile] = replay_.Save();
  if (recipe_.replay.opposites > 0) at_.files[kResponsesFile] = responses_.Save();
  at_.files[kPromptsFile] = curriculum_.Save();
  if (flow_reward_) at_.files[kFlowFile] = flow_reward_->field()->Save();
  SaveCheckpoint(run_folder_, at_, *policy_.model, optimizer_, policy_.folder,
                 recipe_.trainer.keep_checkpoints, OtherModels());
}

void Trainer::RunSteps(MetricsLog* log) {
  if (at_.step == 0 && recipe_.eval.before) {
    Metrics metrics;
    EvaluateAndRecord(recipe_, run_folder_, 0, *policy_.model, *policy_.tokenizer, &metrics);
    log->Write(0, metrics);
  }
  const int64_t first = at_.step, todo = recipe_.trainer.steps - first;
  Progress progress(recipe_.name, todo);
  std::string note;
  on_rollout_ = [&](double share) {
    progress.Update(at_.step - first, fmt::format("{}  sampling {:.0f} %", note, 100 * share));
  };
  while (at_.step < recipe_.trainer.steps) {
    if (InterruptRequested()) throw Interrupted("");
    Stopwatch watch;
    Metrics metrics = Step();
    note = fmt::format("score {:.3f}  entropy {:.3f}  length {:.0f}", metrics["critic/score/mean"],
                       metrics["actor/entropy"], metrics["response_length/mean"]);
    Record(log, std::move(metrics), &watch);
    progress.Update(at_.step - first, note);
  }
  on_rollout_ = nullptr;
}

void Trainer::Run() {
  CutRunFolder(run_folder_, at_.step > 0 ? at_.step : -1);
  MetricsLog log(run_folder_, at_.step > 0 ? at_.step : -1);
  try {
    RunSteps(&log);
  } catch (const Interrupted&) {
    if (whole_ && at_.step > 0 && LatestCheckpoint(run_folder_) != at_.step) Save();
    throw Interrupted(fmt::format("stopped after step {} of {}; go on with: rlvr resume {}",
                                  at_.step, recipe_.trainer.steps, run_folder_));
  }
  ExportModel(run_folder_ + "/model", *policy_.model, policy_.folder);
}

namespace {

// Families by which prompts are ordered; none unless the recipe asks. A prompt without a family is
// found here, before training starts.
std::vector<int32_t> FamilyOrder(const Recipe& recipe, const PromptSource& prompts) {
  if (recipe.data.group_key.empty()) return {};
  std::vector<int32_t> families = FamiliesOf(prompts, recipe.data.group_key);
  if (recipe.data.group_order == "mixed") families.clear();
  return families;
}

}  // namespace

Trainer::Trainer(const Recipe& recipe, std::string run_folder)
    : recipe_(recipe),
      run_folder_(std::move(run_folder)),
      policy_(LoadPolicy(recipe.model, ParseComputeType(recipe.compute), /*for_training=*/true)),
      prompts_(Underspecify(InOrders(OpenPrompts(recipe.data.train, Split::kTrain, recipe.seed),
                                     recipe.data.orders, recipe.seed),
                            recipe.data.underspecified, recipe.seed)),
      // Another order in each stage.
      curriculum_(recipe.resolved.Find("curriculum"), *prompts_,
                  recipe.seed + static_cast<uint64_t>(recipe.first_step),
                  FamilyOrder(recipe, *prompts_)),
      selector_(MakeSelector(recipe.resolved.Find("select"))),
      optimizer_(policy_.model->layout()),
      replay_(recipe.replay),
      responses_(recipe.replay) {
  at_.step = recipe.first_step;
  const int64_t steps = recipe.trainer.steps - recipe.first_step;
  const auto& update = recipe.update;
  const int64_t prompts = recipe.data.prompts_per_step;
  const int64_t mini = MiniBatchGroups(prompts), mini_batches = (prompts + mini - 1) / mini;
  const int64_t per_step = update.epochs * mini_batches;
  MakeStages();
  const Needs needs = StageNeeds();
  const bool flow = ReadsFlowReward(recipe.resolved);
  const float temperature = recipe.rollout.options.sampling.score_temperature();
  const int64_t without_policy =
      std::min(steps, std::max(needs.values ? recipe.critic.warmup_steps : 0,
                               flow ? recipe.flow_reward.warmup_steps : 0));
  updater_ = std::make_unique<Updater>(policy_.model.get(), objective_.get(), update.optimizer,
                                       (steps - without_policy) * per_step, temperature,
                                       update.micro_batch_tokens, update.recompute);
  if (recipe.likelihood_reward.kind != "none") {
    const auto& eos = policy_.model->config().eos_token_ids;
    likelihood_ = std::make_unique<LikelihoodReward>(
        recipe.likelihood_reward, policy_.tokenizer.get(), eos.empty() ? -1 : eos.front(),
        temperature, update.micro_batch_tokens);
  }
  if (recipe.turn_gain.kind != "none") {
    turn_gain_ = std::make_unique<TurnGain>(recipe.turn_gain, policy_.tokenizer.get(), temperature,
                                            update.micro_batch_tokens);
  }
  if (needs.values) {
    critic_ =
        std::make_unique<Critic>(recipe.critic.model.empty() ? recipe.model : recipe.critic.model,
                                 ParseComputeType(recipe.compute), recipe.critic, steps * per_step,
                                 update.micro_batch_tokens, update.recompute);
    if (critic_->model()->config().vocab_size != policy_.model->config().vocab_size) {
      throw Error(critic_->folder(), "the critic's vocabulary is not the policy's",
                  "choose a critic.model with the same tokenizer");
    }
  }
  const ProcessRewardSettings& process = recipe.process_reward;
  if (needs.process_reward) {
    process_reward_ = std::make_unique<ProcessReward>(
        process.model.empty() ? recipe.model : process.model, ParseComputeType(recipe.compute),
        process, steps * mini_batches, temperature, update.micro_batch_tokens, update.recompute);
    if (process_reward_->model()->config().vocab_size != policy_.model->config().vocab_size) {
      throw Error(process_reward_->folder(),
                  "the process reward model's vocabulary is not the policy's",
                  "choose a process_reward.model with the same tokenizer");
    }
  }
  if (flow) {
    flow_reward_ = std::make_unique<FlowReward>(
        policy_.model->config(), recipe.flow_reward, steps * mini_batches,
        RandomKey(recipe.seed)[kFlowStream][0], update.micro_batch_tokens);
  }
  if (needs.reference || (needs.process_reward && process.reference == "reference")) {
    reference_ = std::make_unique<Reference>(
        recipe.reference.model.empty() ? recipe.model : recipe.reference.model, recipe.reference,
        *policy_.model);
  }
}

Tree Trainer::Replay(int64_t prompt_index, int sample) {
  const int64_t step = at_.step + 1;
  const auto sampled = static_cast<int64_t>(ReadMetrics(run_folder_, step)["select/sampled"]);
  curriculum_.BeginStep(step);
  MakeTerms(step);
  int64_t position = at_.position;
  for (int64_t i = 0; i < sampled; ++i) {
    const Curriculum::Draw draw = curriculum_.Next(&position);
    if (draw.row != prompt_index) continue;
    Prompt prompt;
    std::vector<RolloutRequest> requests;
    requests.push_back(Request(step, draw, &prompt));
    Tree tree = Sample({prompt}, std::move(requests))[0];
    std::vector<MetricTerm> metrics;
    Judge(prompt, &tree, &metrics);
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
      return one;
    }
    throw Error(run_folder_, fmt::format("prompt {} has no sample {}", prompt_index, sample),
                "rollouts/ names those of the step");
  }
  throw Error(run_folder_, fmt::format("step {} did not draw prompt {}", step, prompt_index),
              fmt::format("its prompts are in rollouts/{}.jsonl", StepName(step)));
}

// The stages that are not done yet, one after the other, each as a run of its own from the model that
// the one before ended with.
void RunStages(const Recipe& recipe, const std::string& run_folder) {
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    Recipe stage = recipe.stages[i];
    const int64_t latest = LatestCheckpoint(run_folder);
    if (latest >= stage.trainer.steps && i + 1 < recipe.stages.size()) continue;
    if (stage.first_step > 0) stage.model = StageModel(run_folder, stage.first_step);
    if (stage.kind != "rl") {
      ResumeSupervised(run_folder, stage);
      continue;
    }
    Trainer trainer(stage, run_folder);
    if (latest > stage.first_step) trainer.Restore(latest);
    trainer.Run();
  }
}

// The stage that makes this step; without stages the recipe itself.
Recipe StageOf(const Recipe& recipe, const std::string& run_folder, int64_t step) {
  for (Recipe stage : recipe.stages) {
    if (step > stage.trainer.steps) continue;
    if (stage.first_step > 0) stage.model = StageModel(run_folder, stage.first_step);
    return stage;
  }
  return recipe;
}

}  // namespace

void Train(const Recipe& recipe) {
  if (recipe.kind != "rl")
    throw Error(recipe.name, "a recipe of kind " + recipe.kind, "run it with rlvr " + recipe.kind);
  SetNumThreads(recipe.threads);
  if (!recipe.stages.empty()) {
    FindModelFolder(recipe.model);  // before the folder: a wrong model leaves nothing behind
    return RunStages(recipe, StartRunFolder(recipe));
  }
  Trainer trainer(recipe, RunFolder(recipe));  // likewise
  StartRunFolder(recipe);
  trainer.Run();
}

void Resume(const std::string& run_folder, const ResumeOptions& options) {
  Recipe recipe = LoadRunRecipe(run_folder);
  CheckIsa(run_folder, recipe, options.other_isa);
  if (options.threads > 0) recipe.threads = options.threads;
  SetNumThreads(recipe.threads);
  if (recipe.kind != "rl") return ResumeSupervised(run_folder, recipe);
  if (!recipe.stages.empty()) return RunStages(recipe, run_folder);
  Trainer trainer(recipe, run_folder);
  if (const int64_t latest = LatestCheckpoint(run_folder); latest >= 0) trainer.Restore(latest);
  trainer.Run();
}

Tree ReplaySample(const std::string& run_folder, int64_t step, int64_t prompt_index, int sample) {
  const Recipe whole = LoadRunRecipe(run_folder);
  CheckIsa(run_folder, whole, /*other_isa=*/false);
  ReadMetrics(run_folder, step);  // an Error if the run has not come so far
  SetNumThreads(whole.threads);
  const Recipe recipe = StageOf(whole, run_folder, step);
  if (recipe.kind != "rl")
    throw Error(run_folder, "a run of kind " + recipe.kind, "only rl runs have samples");
  Trainer trainer(recipe, run_folder);
  int64_t from = -1;
  for (const int64_t checkpoint : ListCheckpoints(run_folder)) {
    if (checkpoint > recipe.first_step && checkpoint < step) from = checkpoint;
  }
  if (from >= 0) trainer.Restore(from);
  Progress progress("replay", step - 1 - trainer.step());
  for (const int64_t first = trainer.step(); trainer.step() < step - 1;) {
    trainer.Step();
    progress.Update(trainer.step() - first);
  }
  return trainer.Replay(prompt_index, sample);
}

}  // namespace rlvr
