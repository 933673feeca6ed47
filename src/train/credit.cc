#include "train/credit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "objective/coefficient.h"
#include "train/activation_memory.h"
#include "train/stopwatch.h"

namespace rlvr {
namespace {

constexpr const char* kFlowFile = "flow_field.cbor";
constexpr const char* kLossAndBatchStages[] = {"reward_shaping", "advantage", "token_weight",
                                               "policy_loss", "regularizer"};

// A model beside the policy reads the same tokens.
void CheckVocabulary(const std::string& folder, const Model& model, const Policy& policy,
                     const char* whose, const char* key) {
  if (model.config().vocab_size == policy.model->config().vocab_size) return;
  throw Error(folder, fmt::format("{} vocabulary is not the policy's", whose),
              fmt::format("choose a {} with the same tokenizer", key));
}

void MaskTruncated(int64_t step, Rows* rows) {
  for (int64_t s = 0; s < rows->num_rows(); ++s) {
    if (!rows->truncated[s]) continue;
    std::fill(rows->mask.begin() + rows->begin[s], rows->mask.begin() + rows->begin[s + 1], 0.0);
  }
  if (CountTotals(*rows).tokens > 0) return;
  throw Error(fmt::format("step {}", step),
              "every response was cut off by max_tokens and is masked: there is nothing to learn",
              "raise rollout.max_tokens, or choose another reward.overlong than filter");
}

const std::string& OrPolicy(const std::string& model, const Recipe& recipe) {
  return model.empty() ? recipe.model : model;
}

}  // namespace

Needs StepMethods::needs() const {
  Needs needs = objective->needs();
  needs.Add(reward_shaping.needs());
  needs.Add(advantage.needs());
  return needs;
}

StepMethods MakeMethods(const Recipe& recipe, int64_t step, const RunState& state) {
  const auto at_step = [&](const char* stage) -> ConfigNode {
    const ConfigNode* node = recipe.resolved.Find(stage);
    return node ? ResolveCoefficients(*node, stage, step, state) : ConfigNode{};
  };
  const ConfigNode shaping = at_step("reward_shaping"), advantage = at_step("advantage"),
                   weight = at_step("token_weight"), loss = at_step("policy_loss"),
                   regularizer = at_step("regularizer");
  return {.reward_shaping = MakeRewardShaping(&shaping),
          .advantage = MakeAdvantage(&advantage),
          .objective = MakeObjective(&weight, &loss, &regularizer)};
}

void UpdateMethodControllers(const Recipe& recipe, const Metrics& metrics, RunState* state) {
  for (const char* stage : kLossAndBatchStages) {
    if (const ConfigNode* node = recipe.resolved.Find(stage))
      UpdateControllers(*node, stage, metrics, state);
  }
  UpdateControllers(*RewardTermsNode(recipe.resolved), "reward.terms", metrics, state);
}

UpdateCounts CountUpdates(const Recipe& recipe, const Needs& needs) {
  const int64_t steps = recipe.trainer.steps - recipe.first_step;
  const int64_t prompts = recipe.data.prompts_per_step, mini = MiniBatchGroups(recipe, prompts);
  const int64_t mini_batches = (prompts + mini - 1) / mini,
                per_step = recipe.update.epochs * mini_batches;
  const int64_t waiting = std::min(
      steps, std::max(needs.values ? recipe.critic.warmup_steps : 0,
                      ReadsFlowReward(recipe.resolved) ? recipe.flow_reward.warmup_steps : 0));
  return {.policy = (steps - waiting) * per_step,
          .critic = steps * per_step,
          .reward_model = steps * mini_batches};
}

CreditAssignment::CreditAssignment(const Recipe& recipe, const Policy& policy, const Needs& needs,
                                   TreePasses* passes, Communicator* ranks)
    : recipe_(recipe), policy_(policy), passes_(passes), ranks_(ranks) {
  const UpdateCounts counts = CountUpdates(recipe, needs);
  const auto& update = recipe.update;
  const ActivationBound bound = BoundOf(recipe);
  const ComputeType compute = ParseComputeType(recipe.compute);
  const float temperature = recipe.rollout.options.sampling.score_temperature();
  const ProcessRewardSettings& process = recipe.process_reward;
  if (recipe.likelihood_reward.kind != "none") {
    const auto& eos = policy.model->config().eos_token_ids;
    likelihood_ = std::make_unique<LikelihoodReward>(
        recipe.likelihood_reward, policy.tokenizer.get(), eos.empty() ? -1 : eos.front(),
        temperature, update.micro_batch_tokens);
  }
  if (recipe.turn_gain.kind != "none") {
    turn_gain_ = std::make_unique<TurnGain>(recipe.turn_gain, policy.tokenizer.get(), temperature,
                                            update.micro_batch_tokens);
  }
  if (needs.values) {
    critic_ =
        std::make_unique<Critic>(OrPolicy(recipe.critic.model, recipe), compute, recipe.critic,
                                 counts.critic, update.micro_batch_tokens, bound);
    CheckLongestTreeFits(recipe, critic_->model()->config(), "the critic");
    CheckVocabulary(critic_->folder(), *critic_->model(), policy, "the critic's", "critic.model");
  }
  if (needs.process_reward) {
    process_reward_ = std::make_unique<ProcessReward>(OrPolicy(process.model, recipe), compute,
                                                      process, counts.reward_model, temperature,
                                                      update.micro_batch_tokens, bound);
    CheckLongestTreeFits(recipe, process_reward_->model()->config(), "the process reward model");
    CheckVocabulary(process_reward_->folder(), *process_reward_->model(), policy,
                    "the process reward model's", "process_reward.model");
  }
  if (ReadsFlowReward(recipe.resolved)) {
    flow_reward_ = std::make_unique<FlowReward>(
        policy.model->config(), recipe.flow_reward, counts.reward_model,
        RandomKey(recipe.seed)[kFlowStream][0], update.micro_batch_tokens);
  }
  reads_logp_ref_ = needs.reference || (needs.process_reward && process.reference == "reference");
  if (reads_logp_ref_ || needs.second_model()) {
    reference_ = std::make_unique<Reference>(OrPolicy(recipe.reference.model, recipe),
                                             recipe.reference, *policy.model, bound);
  }
}

void CreditAssignment::Assign(int64_t step, const StepMethods& methods, RunState* state,
                              StepBatch* batch) {
  const auto trees = batch->Pointers();
  Rows& rows = batch->rows;
  rows = MakeRows(trees);
  if (recipe_.reward.overlong.name == "filter") MaskTruncated(step, &rows);
  if (likelihood_)
    AddTerms(likelihood_->Reward(passes_, batch->prompts, trees, &rows), &batch->terms);
  if (turn_gain_)
    AddTerms(turn_gain_->Reward(passes_, batch->prompts, trees, &rows), &batch->terms);
  const Needs needs = methods.needs();
  const float temperature = recipe_.rollout.options.sampling.score_temperature();
  const int64_t micro = recipe_.update.micro_batch_tokens;
  if (reads_logp_ref_) rows.logp_ref = reference_->Logp(trees, temperature, micro, ranks_);
  if (process_reward_) RewardTokens(batch);
  if (flow_reward_) RewardByFlow(step, batch);
  if (critic_) rows.value = critic_->Values(trees);
  if (!needs.behaviour.empty()) {
    passes_->SetSecond(needs.second_model() ? reference_->passes() : nullptr);
    const auto fields = ScoreTrees(passes_, trees, needs.behaviour, temperature, micro, ranks_);
    passes_->SetSecond(nullptr);
    for (size_t i = 0; i < fields.size(); ++i)
      rows.behaviour[ToString(needs.behaviour[i])] = LeafRows(trees, fields[i]);
  }
  BatchContext context{
      .step = step,
      .total_steps = recipe_.trainer.steps,
      .max_tokens = MostResponseTokens(recipe_),
      .key = StreamKey(recipe_.seed, Stream::kObjective)[static_cast<uint64_t>(step)],
      .state = state,
      .tokenizer = policy_.tokenizer.get(),
      .metrics = &batch->terms};
  const RandomKey key = context.key;
  context.key = key[0];
  methods.reward_shaping.Apply(&rows, context);
  size_t row = 0;  // rollouts/ shows the reward that trained
  for (Tree& tree : batch->trees) {
    for (Leaf& leaf : tree.leaves) leaf.reward = static_cast<float>(rows.reward[row++]);
  }
  context.key = key[1];
  methods.advantage.Apply(&rows, context);
}

// The process reward model's rewards, and its own training on the batch.
void CreditAssignment::RewardTokens(StepBatch* batch) {
  Stopwatch watch;
  const auto trees = batch->Pointers();
  Rows& rows = batch->rows;
  const auto update = [&] {
    ForEachMiniBatch(recipe_, trees, [&](int64_t begin, int64_t end, auto part) {
      AddTerms(process_reward_->MiniBatch(part, Part(rows, begin, end)), &batch->terms);
    });
  };
  if (recipe_.process_reward.update == "before") update();
  const std::vector<double> reward = process_reward_->Rewards(trees, rows);
  for (size_t t = 0; t < reward.size(); ++t) rows.token_reward[t] += reward[t];
  if (recipe_.process_reward.update == "after") update();
  seconds_process_reward_ = watch.Lap();
}

// The flow field's rewards, and its own training on the batch.
void CreditAssignment::RewardByFlow(int64_t step, StepBatch* batch) {
  Stopwatch watch;
  const auto trees = batch->Pointers();
  Rows& rows = batch->rows;
  const RandomKey key = RandomKey(recipe_.seed)[kFlowStream][static_cast<uint64_t>(step)];
  const auto update = [&] {
    ForEachMiniBatch(recipe_, trees, [&](int64_t begin, int64_t end, auto part) {
      AddTerms(flow_reward_->MiniBatch(passes_, part, Part(rows, begin, end), key[1]),
               &batch->terms);
    });
  };
  if (recipe_.flow_reward.update == "before") update();
  const std::vector<double> reward =
      flow_reward_->Rewards(passes_, trees, rows, key[0], &batch->terms);
  for (size_t t = 0; t < reward.size(); ++t) rows.token_reward[t] += reward[t];
  if (recipe_.flow_reward.update == "after") update();
  seconds_flow_reward_ = watch.Lap();
}

void CreditAssignment::UpdateCritic(int64_t step, StepBatch* batch) {
  if (!critic_) return;
  Stopwatch watch;
  const auto trees = batch->Pointers();
  if (batch->rows.value_target.empty()) {
    throw Error(fmt::format("step {}", step),
                "a critic is trained but no advantage made targets for it",
                "use advantage: {name: gae}");
  }
  for (int epoch = 0; epoch < recipe_.update.epochs; ++epoch) {
    ForEachMiniBatch(recipe_, trees, [&](int64_t begin, int64_t end, auto part) {
      AddTerms(critic_->MiniBatch(part, Part(batch->rows, begin, end)), &batch->terms);
    });
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
  seconds_critic_ = watch.Lap();
}

bool CreditAssignment::PolicyWaits(int64_t step) const {
  const int64_t done = step - 1 - recipe_.first_step;
  return (critic_ && done < recipe_.critic.warmup_steps) ||
         (flow_reward_ && done < recipe_.flow_reward.warmup_steps);
}

Updater::GradientTerm CreditAssignment::MoreGradient(int64_t begin, int64_t end) const {
  if (!likelihood_) return {};
  return [this, begin, end](TreePasses* passes, Gradient* gradient) {
    likelihood_->AddGradient(passes, begin, end, gradient);
  };
}

void CreditAssignment::AfterStep(int64_t step, Optimizer* optimizer) {
  if (reference_) reference_->AfterStep(step, *policy_.model, optimizer);
}

void CreditAssignment::MeasureTimes(Metrics* metrics) const {
  if (critic_) (*metrics)["timing_s/update_critic"] = seconds_critic_;
  if (process_reward_) (*metrics)["timing_s/process_reward"] = seconds_process_reward_;
  if (flow_reward_) (*metrics)["timing_s/flow_reward"] = seconds_flow_reward_;
}

std::vector<SecondModel> CreditAssignment::OtherModels() {
  std::vector<SecondModel> models;
  if (reference_ && reference_->moves()) models.push_back({"reference", reference_->model()});
  if (critic_) models.push_back({"critic", critic_->model(), critic_->optimizer()});
  if (process_reward_) {
    models.push_back({"process_reward", process_reward_->model(), process_reward_->optimizer()});
  }
  return models;
}

void CreditAssignment::Save(std::map<std::string, std::string>* files) const {
  if (flow_reward_) (*files)[kFlowFile] = flow_reward_->field()->Save();
}

void CreditAssignment::Load(const std::map<std::string, std::string>& files,
                            const std::string& folder) {
  if (const auto file = files.find(kFlowFile); flow_reward_ && file != files.end())
    flow_reward_->field()->Load(file->second, folder + "/" + kFlowFile);
}

}  // namespace rlvr
