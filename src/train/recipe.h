// Everything a run is told, from a YAML recipe (docs/recipes.md lists every key with verl's and
// TRL's names).
#ifndef RLVR_TRAIN_RECIPE_H_
#define RLVR_TRAIN_RECIPE_H_
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "data/data.h"
#include "data/shard_orders.h"
#include "data/underspecified.h"
#include "env/strategy_judge.h"
#include "model/config.h"
#include "rollout/strategy.h"
#include "train/token_temperature.h"
#include "verify/illocution.h"
#include "verify/verifier_settings.h"

namespace rlvr {

struct OptimizerSettings {
  double lr = 1e-6, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.1;
  double grad_clip = 1.0;    // global norm; 0: off
  int64_t warmup_steps = 0;  // optimizer steps; the first has lr / warmup_steps, then linear
  std::string schedule = "constant";  // constant, linear, cosine (to min_lr_ratio at the last step)
  double min_lr_ratio = 0.0;
};

struct CriticSettings {          // of a value model, trained where some method needs values (gae)
  std::string model;             // a folder or embedded model; "": the policy's
  double cliprange_value = 0.5;  // of the value loss
  int64_t warmup_steps = 0;      // training steps in which only the critic learns
  OptimizerSettings optimizer = {.lr = 1e-5, .weight_decay = 0.01};
};

// What earlier steps sampled trains again, with its recorded log-probs: whole groups, and single
// responses beside new ones of the same prompt.
struct ReplaySettings {
  int64_t groups = 0;      // added to each batch; 0: no replay
  int64_t capacity = 256;  // groups kept; the oldest go first
  int64_t max_age = 0;     // in steps; 0: any
  int64_t max_uses = 1;    // a group leaves the store after so many; 0: any
  std::string admit =
      "mixed";  // groups with right and wrong answers; right: with any right one; all
  // R^3's cross-context replay, arXiv:2601.19620: a group whose responses are all right, or none is,
  // gets so many of its prompt's earlier ones with the other verdict; per_prompt of each are kept.
  // max_age holds for them too.
  int64_t opposites = 0;
  int64_t per_prompt = 4;
};

// The reference policy, of methods that read logp_ref; not loaded where none does. An update that
// moves it comes after every `every`-th training step, with theta the policy's weights:
//   none  it stays
//   ema   ref <- decay ref + (1 - decay) theta
//   copy  ref <- theta, as ProRL's resets (arXiv:2505.24864); with reset_optimizer also the
//   policy's
//         AdamW moments start anew
struct ReferenceSettings {
  std::string model;  // a folder or embedded model; "": the policy's at the start
  std::string update = "none";
  double decay = 0.99;
  int64_t every = 1;
  bool reset_optimizer = false;
};

// Of an implicit process reward model (train/process_reward.h), trained where some method needs
// process rewards (prime). Defaults are PRIME's script's.
struct ProcessRewardSettings {
  std::string model;  // a folder or embedded model; "": the policy's at the start
  std::string reference =
      "reference";  // log pi_ref: of the reference, or of the `policy` that sampled
  double beta = 0.05;
  // after: a batch is scored, then trained on (the paper's Algorithm 1); before: trained on, then
  // scored; none: it stays as it is loaded.
  std::string update = "after";
  OptimizerSettings optimizer = {.lr = 1e-6, .weight_decay = 0, .grad_clip = 10};
};

// A reward from the likelihood of the reference answer (train/likelihood_reward.h), added to the
// verifier's.
struct LikelihoodRewardSettings {
  std::string kind = "none";            // none, logp, mean_logp, prob, mean_prob, jepo
  std::string answer = "ground_truth";  // or the prompt's target: what follows its last marker
  std::string marker = "Answer:";       // ends the reasoning
  double coefficient = 1;
  double gradient = 1;  // of the second gradient term, on the answer's tokens; 0: left out
};

// A reward for each turn of a conversation from the likelihood of the reference answer
// (train/turn_gain.h): IGPO's.
struct TurnGainSettings {
  std::string kind = "none";            // none, prob, logp
  std::string answer = "ground_truth";  // or the prompt's target: what follows its last marker
  std::string marker = "Answer:";       // the answer is scored behind it
  double coefficient = 1;
};

// RLFR's flow reward (train/flow_reward.h), where some method reads it (rlfr). Defaults are the
// released scripts'.
struct FlowRewardSettings {
  double coefficient = 0.01;
  std::vector<std::string> layers;  // shares of the depth; none: 0.25, 0.5, 0.75
  int64_t width = 0, blocks = 4;    // of the field; width 0: the model's hidden size
  double time = 0.8;                // at which tokens are scored
  // of training: logit_normal (flow matching), score (always `time`, as the released online updates)
  std::string train_time = "logit_normal";
  std::string norm = "minmax";   // of a response's scores: minmax to [0, 1], bilateral to [-1, 1]
  double threshold = 0.6;        // scores not beyond it count 0; 0: off
  int64_t top_k = 15;            // only so many tokens of a response count; 0: all
  double gamma = 1;              // power of the normalised score
  std::string update = "after";  // as process_reward.update
  double wrong_weight = 0;       // of responses that are not right, in the field's training
  int64_t warmup_steps = 0;      // training steps in which only the field learns
  OptimizerSettings optimizer = {.lr = 1e-4, .beta2 = 0.95, .weight_decay = 0};
};

// Indices of `layers` in a model of so many, from 0; an Error for what is no number in [0, 1].
std::vector<int64_t> FlowLayers(const std::string& place, const FlowRewardSettings& settings,
                                int64_t num_layers);

struct OverlongSettings {     // reward.overlong; DAPO, arXiv:2503.14476, Sec. 3.4
  std::string name = "none";  // none, filter (mask the truncated sample), soft (Eq. 13)
  int64_t buffer = 0;         // soft: tokens of the ramp, before max_tokens
  double penalty_factor = 1.0;
};

struct Recipe {
  std::string kind = "rl";   // rl, pretrain, sft
  std::string name;          // of the run's folder; the recipe file's stem by default
  std::string model;         // a Hugging Face folder, or the name of one in models/ ("base_tiny")
  ModelConfig architecture;  // pretrain: the model to make (keys as in config.json)
  LoraSettings lora;
  std::string compute = "bf16";
  std::string output = "runs";  // folder that holds the run's
  uint64_t seed = 0;
  int threads = 0;  // 0: one per core

  struct {
    std::string train = "gsm_micro", validation = "gsm_micro";
    PromptFileSettings files;  // of train and validation where they are files
    // Variables of the model's chat template: {enable_thinking: false}.
    std::map<std::string, std::string> chat_template_kwargs;
    int64_t prompts_per_step = 32;
    int64_t max_prompt_tokens = 512;
    bool filter_overlong_prompts = false;   // leave longer training prompts out at the start
    std::string truncation = "error";       // of those that are left: error, left, right, middle
    std::string group_key;                  // of extra_info: names the family of a prompt; "": none
    std::string group_order = "mixed";      // or together: prompts of a family follow each other
    UnderspecifiedSettings underspecified;  // of the training prompts
    ShardOrdersSettings orders;             // likewise, before something is taken away
  } data;
  struct {
    int group_size = 16;
    RolloutOptions options;
    // int8: another policy samples, whose layers' matrices are in 8 bits (tensor/gemm_int8.h); what it
    // sampled is scored anew before it trains.
    std::string quantization = "none";
    StrategySettings strategy;
    TokenTemperatureSettings token_temperature;
    struct {
      std::string before, after;  // the prompt's last message: only while sampling
    } sampling_context;
    int64_t gen_prompts = 0;  // select.max_rounds times so many are tried; 0: prompts_per_step
  } rollout;
  struct {
    std::string name = "auto";  // a verifier, or auto: by the prompt's data_source
    double correct = 1, wrong = -1;
    OverlongSettings overlong;
    IllocutionSettings illocution;  // its correct and wrong are this section's
    VerifierSettings verifiers;     // of those that have settings
  } reward;
  StrategyJudgeSettings strategy_judge;  // of turns and responses, in training and eval.protocol
  struct {
    int64_t mini_batch_prompts = 0;  // 0: prompts_per_step
    int epochs = 1;
    int64_t micro_batch_tokens = 2048;
    bool recompute = false;
    std::string activation_memory;  // "2GiB", of each model that trains; "": no bound
    OptimizerSettings optimizer;
  } update;
  struct {  // docs/parallel.md
    // Each mini-batch's gradient is the sum over so many runs of groups, whatever the number of ranks;
    // 0: one for each rank.
    int64_t shards = 0;
    bool ordered = true;  // the same bits on any number of ranks
  } parallel;
  struct {
    int64_t rows = 0;  // added to each group from the prompt's `target`; LUFFY, arXiv:2504.14945
  } expert;
  ReplaySettings replay;
  ReferenceSettings reference;
  CriticSettings critic;  // mini-batches and epochs are those of `update`
  LikelihoodRewardSettings likelihood_reward;
  TurnGainSettings turn_gain;
  ProcessRewardSettings process_reward;  // mini-batches are those of `update`, one epoch
  FlowRewardSettings flow_reward;        // likewise
  struct {
    int64_t prompts = 128;  // of the validation set; 0: all
    int k = 16;
    std::vector<std::string> ks;  // of pass@k and maj@k; none: 1, 2, 4, ... up to k
    int64_t every = 0;            // steps; 0: never between
    bool before = true, after = true;
    double temperature = 1.0, top_p = 1.0;
    // Beside that: none, or lost_in_conversation, about the same prompts, which must have shards.
    // Its environment is read from eval.environment.
    std::string protocol = "none";
    std::vector<std::string> types;  // of conversations; none: full, concat, sharded
    int simulations = 4;             // of each prompt and type
  } eval;
  struct {
    int64_t steps = 100;
    int64_t checkpoint_every = 0;  // 0: only at the end
    int keep_checkpoints = 2;
    int64_t rollouts_every = 1;  // 0: never
    int64_t rollout_groups = 4;  // written of each such step
  } trainer;
  struct {  // pretrain and sft
    int64_t tokens_per_step = 16384;
    // gsm_micro_dialogues[:options], attribute_dialogues[:options]; pretrain: also
    // gsm_micro[:options]; sft: also a JSONL of prompt and response, or of messages
    std::string text = "gsm_micro";
    double careful = 0.5;  // share of careful worked solutions, the rest is sloppy
    bool loss_on_prompt = false;
    int64_t tokenizer_texts = 2000;  // pretrain: the tokenizer is trained on so many samples
  } supervised;

  // Training in stages, each as a recipe of its own: this one, overridden; model and first_step are
  // where the stage before ends. trainer.steps counts over the whole run. None: the recipe itself.
  std::vector<Recipe> stages;
  int64_t first_step = 0;  // of a stage: training steps before it

  // Every key and value, as the run's folder records it. The stages' own nodes (select, advantage,
  // policy_loss, regularizer, ...), curriculum, environment and reward.terms are read from it.
  ConfigNode resolved;
};

// Reads, merges, checks; an unknown key or a value out of range is an Error at its line with the
// nearest known key. `path` may be a file or the name of a recipe in recipes/ ("dapo").
Recipe LoadRecipe(const std::string& path, const std::vector<std::string>& overrides);

// Every key that a recipe may have, in order, from the list that reads recipes.
struct RecipeKey {
  std::string path;           // "update.lr"
  std::string default_value;  // of a stage: the method's name
  std::string range;          // for people: "from 0", "true, false"; "stage": docs/methods.md
};
std::vector<RecipeKey> RecipeKeys();
std::string RecipesMarkdown();  // docs/recipes.md

// Whether a flow field is needed: where the advantages have rlfr.
bool ReadsFlowReward(const ConfigNode& recipe);

// reward.terms of a whole recipe, null if it has none.
const ConfigNode* RewardTermsNode(const ConfigNode& recipe);

// Whether prompts open conversations: `environment` names one.
bool HasEnvironment(const ConfigNode& recipe);
// Of the policy in a trajectory: rollout.max_tokens, or in a conversation that of all its turns.
int64_t MostResponseTokens(const Recipe& recipe);

// eval.types, or what stands for none.
std::vector<std::string> ProtocolTypes(const Recipe& recipe);
// The numbers of eval.ks.
std::vector<int> EvalKs(const Recipe& recipe);

// Recipes are looked for in the folder that the environment's RLVR_RECIPES names, in ./recipes, and
// in the recipes/ that this program was built with. Returns the path; an Error lists near names.
std::string FindRecipe(const std::string& name);
// Name and one-line description (the first comment) of each, sorted by name.
std::vector<std::pair<std::string, std::string>> ListRecipes();

}  // namespace rlvr
#endif  // RLVR_TRAIN_RECIPE_H_
