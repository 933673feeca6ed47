#include "train/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "env/environment.h"
#include "eval/lost_in_conversation.h"
#include "objective/coefficient.h"
#include "objective/objective.h"
#include "train/curriculum.h"
#include "train/recipe_fields.h"
#include "train/recipe_keys.h"
#include "train/recipe_validation.h"
#include "verify/reward_term.h"

namespace rlvr {
namespace {

const MethodSections& RecipeMethods() {
  static const auto* methods = [] {
    auto* found = new MethodSections;
    Recipe defaults;
    int64_t seed = 0;
    MethodFinder finder(found);
    recipe_keys::Visit(defaults, seed, finder);
    return found;
  }();
  return *methods;
}

// Sections that a recipe of this kind does not read would only mislead.
void DropUnread(const std::string& kind, ConfigNode* resolved) {
  static const std::set<std::string> kSupervised = {"architecture", "supervised"};
  static const std::set<std::string> kRl = {"reward",         "select",
                                            "reward_shaping", "advantage",
                                            "token_weight",   "policy_loss",
                                            "regularizer",    "critic",
                                            "expert",         "replay",
                                            "reference",      "process_reward",
                                            "curriculum",     "likelihood_reward",
                                            "flow_reward",    "stages",
                                            "turn_gain",      "environment",
                                            "strategy_judge", "parallel"};
  ConfigNode kept = *resolved;
  kept.keys.clear();
  kept.items.clear();
  for (size_t i = 0; i < resolved->keys.size(); ++i) {
    const std::string& key = resolved->keys[i];
    if ((kind == "rl" ? kSupervised : kRl).count(key) ||
        (key == "architecture" && kind != "pretrain"))
      continue;
    kept.Set(key, resolved->items[i]);
  }
  *resolved = std::move(kept);
}

// Checks what eval.protocol reads, and writes its environment's defaults where there is one.
void ResolveProtocol(const Recipe& r, const ConfigNode& root, ConfigNode* eval) {
  const std::string place = PlaceOf(root, "eval");
  ParseConversationTypes(ProtocolTypes(r), place + ": eval.types");
  const ConfigNode environment = ResolveEnvironment(eval->Find("environment"));
  if (environment.Find("name")->scalar != "sharded") {
    throw Error(place, "eval.environment is " + environment.Find("name")->scalar,
                "the protocol's conversations are held in {name: sharded}");
  }
  if (r.eval.protocol != "none") eval->Set("environment", environment);
}

// A recipe without its stages.
Recipe ReadRecipe(const ConfigNode& root, const std::string& name) {
  Recipe r;
  r.name = name;
  int64_t seed = 0;
  FieldReader reader(&root, "");
  recipe_keys::Visit(r, seed, reader);
  reader.Done();
  r.seed = static_cast<uint64_t>(seed);
  r.reward.illocution.correct = r.reward.correct;
  r.reward.illocution.wrong = r.reward.wrong;
  CheckTogether(r, root);
  r.rollout.options.conversation = ReadConversationLimits(root.Find("environment"));
  if (r.kind == "rl") {  // each throws Error at the line of a wrong name or parameter
    const auto selector = MakeSelector(root.Find("select"));
    const int64_t per_round =
        r.rollout.gen_prompts > 0 ? r.rollout.gen_prompts : r.data.prompts_per_step;
    if (per_round <
        (r.data.prompts_per_step + selector->max_rounds() - 1) / selector->max_rounds()) {
      throw Error(PlaceOf(root, "rollout"),
                  fmt::format("gen_prompts is {}: {} rounds cannot fill data.prompts_per_step = {}",
                              per_round, selector->max_rounds(), r.data.prompts_per_step),
                  "raise gen_prompts or select.max_rounds");
    }
    Needs needs;
    for (const int64_t step : {int64_t{1}, r.trainer.steps}) {  // both ends of its schedules
      const auto at_step = [&](const char* stage) -> ConfigNode {
        const ConfigNode* node = root.Find(stage);
        return node ? ResolveCoefficients(*node, stage, step, {}) : ConfigNode{};
      };
      const ConfigNode shaping = at_step("reward_shaping"), advantage = at_step("advantage"),
                       weight = at_step("token_weight"), loss = at_step("policy_loss"),
                       regularizer = at_step("regularizer");
      if (const ConfigNode* terms = RewardTermsNode(root)) {
        const ConfigNode resolved = ResolveCoefficients(*terms, "reward.terms", step, {});
        MakeRewardTerms(&resolved);
      }
      needs.Add(MakeRewardShaping(&shaping).needs());
      needs.Add(MakeAdvantage(&advantage).needs());
      needs.Add(MakeObjective(&weight, &loss, &regularizer)->needs());
    }
    if (r.reference.update != "none" && !needs.reference &&
        !(needs.process_reward && r.process_reward.reference == "reference")) {
      throw Error(PlaceOf(root, "reference"),
                  "update is " + r.reference.update + ", but no method reads the reference",
                  "add regularizer: [{name: kl}], or leave reference.update out");
    }
  }
  FieldWriter writer(&r.resolved, &root);
  recipe_keys::Visit(r, seed, writer);
  ResolveProtocol(r, root, r.resolved.FindMutable("eval"));
  r.resolved.FindMutable("reward")->Set("terms", ResolveRewardTerms(RewardTermsNode(root)));
  r.resolved.Set("environment", ResolveEnvironment(root.Find("environment")));
  r.resolved.Set("curriculum", ResolveCurriculum(root.Find("curriculum")));
  const ConfigNode* stages = root.Find("stages");
  if (stages == nullptr || stages->items.empty()) DropUnread(r.kind, &r.resolved);
  return r;
}

// What a stage may not change: it belongs to the run.
const std::set<std::string> kOfTheRun = {"name",    "output",       "seed",   "threads", "model",
                                         "compute", "architecture", "stages", "parallel"};

// One item of `stages`: its keys on top of the whole recipe.
Recipe LoadStage(const std::string& path, std::vector<std::string> overrides,
                 const ConfigNode& item, int64_t index, const Recipe& whole, int64_t first_step) {
  const std::string place =
      fmt::format("{}: stage {}", item.place.empty() ? path : item.place, index + 1);
  int64_t steps = 0;
  if (item.kind != ConfigNode::Kind::kMap)
    throw Error(place, "is no map of keys", "write - {steps: 50, rollout: {max_tokens: 64}}");
  for (size_t i = 0; i < item.keys.size(); ++i) {
    const std::string& key = item.keys[i];
    if (kOfTheRun.count(key))
      throw Error(place, "'" + key + "' belongs to the whole run", "set it outside of stages");
    if (key == "steps") {
      ConfigNode only;
      only.kind = ConfigNode::Kind::kMap;
      only.Set(key, item.items[i]);
      ConfigReader reader(&only, "stages");
      reader("steps", steps, int64_t{1}, recipe_keys::kMany);
    } else {
      overrides.push_back(key + "=" + ToYaml(item.items[i]));
    }
  }
  if (steps == 0) throw Error(place, "has no steps", "write - {steps: 50, ...}");
  overrides.push_back(fmt::format("trainer.steps={}", first_step + steps));
  overrides.emplace_back("stages=[]");
  Recipe stage;
  try {
    stage = ReadRecipe(LoadConfig(path, overrides, RecipeMethods()), whole.name);
  } catch (const Error& e) {
    throw Error(place, e.what(), "a stage's keys are the recipe's");
  }
  if (stage.kind != "rl" && !(stage.kind == "sft" && index == 0)) {
    throw Error(place, "a stage of kind " + stage.kind,
                "stages are of kind rl; the first one may be sft");
  }
  stage.first_step = first_step;
  return stage;
}

}  // namespace

Recipe LoadRecipe(const std::string& path_or_name, const std::vector<std::string>& overrides) {
  const std::string path = FindRecipe(path_or_name);
  const std::string name = std::filesystem::path(path).stem().string();
  ConfigNode root = LoadConfig(path, overrides, RecipeMethods());
  Recipe whole = ReadRecipe(root, name);
  const ConfigNode* stages = root.Find("stages");
  if (stages == nullptr || stages->items.empty()) return whole;
  if (whole.kind != "rl")
    throw Error(PlaceOf(root, "stages"), "a recipe of kind " + whole.kind + " has no stages",
                "the recipe's kind is rl; its first stage may be sft");
  int64_t steps = 0;
  std::vector<Recipe> made;
  for (size_t i = 0; i < stages->items.size(); ++i) {
    made.push_back(
        LoadStage(path, overrides, stages->items[i], static_cast<int64_t>(i), whole, steps));
    steps = made.back().trainer.steps;
  }
  auto all = overrides;
  all.push_back(fmt::format("trainer.steps={}", steps));
  whole = ReadRecipe(LoadConfig(path, all, RecipeMethods()), name);
  whole.stages = std::move(made);
  return whole;
}

std::vector<RecipeKey> RecipeKeys() {
  std::vector<RecipeKey> keys;
  Recipe defaults;
  int64_t seed = 0;
  KeyLister lister(&keys);
  recipe_keys::Visit(defaults, seed, lister);
  return keys;
}

bool ReadsFlowReward(const ConfigNode& recipe) {
  const ConfigNode* advantage = recipe.Find("advantage");
  if (advantage == nullptr) return false;
  const auto is_rlfr = [](const ConfigNode& node) {
    const ConfigNode* name = node.Find("name");
    return name != nullptr && name->scalar == "rlfr";
  };
  if (advantage->kind != ConfigNode::Kind::kList) return is_rlfr(*advantage);
  return std::any_of(advantage->items.begin(), advantage->items.end(), is_rlfr);
}

const ConfigNode* RewardTermsNode(const ConfigNode& recipe) {
  const ConfigNode* reward = recipe.Find("reward");
  return reward == nullptr ? nullptr : reward->Find("terms");
}

bool HasEnvironment(const ConfigNode& recipe) {
  const ConfigNode* environment = recipe.Find("environment");
  const ConfigNode* name = environment == nullptr ? nullptr : environment->Find("name");
  return name != nullptr && name->scalar != "none";
}

int64_t MostResponseTokens(const Recipe& recipe) {
  const RolloutOptions& o = recipe.rollout.options;
  if (!HasEnvironment(recipe.resolved)) return o.max_tokens;
  const int64_t turns = o.conversation.max_turns * o.max_tokens;
  return o.conversation.max_tokens > 0 ? std::min(turns, o.conversation.max_tokens) : turns;
}

std::vector<std::string> ProtocolTypes(const Recipe& recipe) {
  if (!recipe.eval.types.empty()) return recipe.eval.types;
  return LostInConversationOptions().types;
}

std::vector<int> EvalKs(const Recipe& recipe) {
  std::vector<int> ks;
  for (const std::string& k : recipe.eval.ks) ks.push_back(std::stoi(k));
  return ks;
}

}  // namespace rlvr
