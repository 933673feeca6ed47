#include "train/check_batch.h"

#include <algorithm>

#include "text/bpe_trainer.h"
#include "train/update.h"
#include "verify/verify.h"

namespace rlvr {
namespace {

constexpr int64_t kManyTokens = int64_t{1} << 40;

// Right answers (1) of each group, and the index of the response that max_tokens cut, or -1.
struct GroupPlan {
  std::vector<int> right;
  int truncated;
  bool turns = false;   // the policy, then the environment, then the policy again
  bool replay = false;  // of an earlier step, where the recipe has such groups
};
const std::vector<GroupPlan> kPlans = {
    {{1, 0, 0, 0, 0}, -1},
    {{1, 1, 0, 0}, 2},
    {{0, 1, 1, 1}, -1, true},
    {{0, 0, 0, 0, 0}, 1},
    {{1, 1, 1, 1}, -1},
    {{0, 0, 1, 0}, 2, false, true},
    {{1, 0}, -1},
    {{0, 1, 0, 1}, 0, true, true},
};
constexpr Authors kSampled = Authors(Author::kPolicy) | Author::kReplay;

ModelConfig CheckConfig(int64_t vocab) {
  ModelConfig c;
  c.vocab_size = vocab;
  c.hidden_size = 32;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 2;
  c.num_key_value_heads = 1;
  c.head_dim = 16;
  c.intermediate_size = 48;
  c.max_position_embeddings = 128;
  c.initializer_range = 0.15;
  c.eos_token_ids = {1};
  return c;
}

// The weights of `key`, moved by normal noise: a policy some updates later.
std::unique_ptr<Model> MakeModel(const ModelConfig& config, ComputeType compute, uint64_t seed,
                                 double noise, uint64_t noise_seed) {
  auto model = std::make_unique<Model>(config, compute);
  InitializeParameters(config, model->layout(), RandomKey(seed), model->weights());
  Random random(RandomKey(seed)[noise_seed]);
  for (const Parameter& p : model->layout().parameters) {
    for (int64_t i = 0; noise > 0 && i < p.size(); ++i)
      model->weights()[p.offset + i] += static_cast<float>(noise * random.Normal());
  }
  model->WeightsChanged(true);
  return model;
}

int32_t AddSegment(Tree* tree, int32_t parent, Author author, int32_t sample, int64_t n,
                   int64_t vocab, Random* random) {
  Segment s;
  s.parent = parent;
  s.author = author;
  s.sample = sample;
  for (int64_t t = 0; t < n; ++t)
    s.tokens.push_back(static_cast<int32_t>(random->Int(0, vocab - 1)));
  tree->segments.push_back(std::move(s));
  return static_cast<int32_t>(tree->segments.size()) - 1;
}

Tree MakeTree(const GroupPlan& plan, int64_t index, const CheckSettings& settings, int64_t vocab,
              Random* random) {
  Tree tree;
  tree.prompt_index = 7 * index + 3;
  tree.occurrence = index % 2;
  tree.data_source = index % 3 == 0 ? "even" : "odd";
  tree.family = index % 2 == 0 ? "first" : "second";
  AddSegment(&tree, -1, Author::kPrompt, -1, random->Int(3, 7), vocab, random);
  const Author author = settings.replay && plan.replay ? Author::kReplay : Author::kPolicy;
  for (size_t i = 0; i < plan.right.size(); ++i) {
    const auto sample = static_cast<int32_t>(i);
    const bool cut = plan.truncated == sample;
    int64_t n = cut ? kCheckMaxTokens : random->Int(2, kCheckMaxTokens - 1);
    int32_t segment = 0;
    if (plan.turns) {
      segment = AddSegment(&tree, 0, author, sample, n / 2, vocab, random);
      tree.segments.back().outcome = {
          .illocution = i % 2 == 0 ? Illocution::kUnderspecified : Illocution::kSpecified,
          .strategy = TurnStrategy::kClarification};
      segment = AddSegment(&tree, segment, Author::kEnvironment, sample, 2, vocab, random);
      n -= n / 2;
    }
    segment = AddSegment(&tree, segment, author, sample, n, vocab, random);
    if (plan.turns) {
      tree.segments.back().outcome = {.illocution = Illocution::kSpecified,
                                      .strategy = TurnStrategy::kAnswerAttempt,
                                      .right = plan.right[i] != 0};
    }
    Leaf leaf;
    leaf.segment = segment;
    leaf.finish = cut ? Finish::kLength : Finish::kStop;
    const bool right = plan.right[i] != 0;
    leaf.verdict = right ? Verdict::kRight : Verdict::kWrong;
    leaf.answer = right ? "12" : std::to_string(i);
    leaf.score = static_cast<float>(right ? settings.correct : settings.wrong);
    leaf.reward = leaf.score;
    if (settings.overlong.name == "soft") {
      leaf.reward += static_cast<float>(SoftOverlongPunishment(
          static_cast<int64_t>(tree.ResponseTokens(leaf).size()), kCheckMaxTokens,
          kCheckOverlongBuffer, settings.overlong.penalty_factor));
    }
    tree.leaves.push_back(std::move(leaf));
  }
  if (settings.expert) {
    Leaf leaf;
    leaf.segment = AddSegment(&tree, 0, Author::kExpert, static_cast<int32_t>(plan.right.size()),
                              random->Int(3, kCheckMaxTokens - 1), vocab, random);
    leaf.verdict = Verdict::kRight;
    leaf.answer = "12";
    leaf.score = leaf.reward = static_cast<float>(settings.correct);
    tree.leaves.push_back(std::move(leaf));
  }
  return tree;
}

std::vector<std::vector<SegmentField<float>>> Score(const Model& model,
                                                    std::span<const Tree* const> trees,
                                                    std::span<const Statistic> wanted,
                                                    float temperature, int64_t micro_batch_tokens,
                                                    const Model* second = nullptr) {
  TreePasses passes(&model);
  std::optional<TreePasses> second_passes;
  if (second) passes.SetSecond(&second_passes.emplace(second));
  return ScoreTrees(&passes, trees, wanted, temperature, micro_batch_tokens);
}

}  // namespace

std::vector<const Tree*> CheckBatch::InOrder(std::span<const size_t> order) const {
  std::vector<const Tree*> pointers;
  for (const size_t i : order) pointers.push_back(&trees[i]);
  return pointers;
}

CheckBatch MakeCheckBatch(const CheckSettings& settings) {
  CheckBatch batch;
  batch.settings = settings;
  const std::vector<std::string> texts = {"3 + 4 = 7", "Answer: 12"};
  batch.tokenizer = std::make_unique<Tokenizer>(
      TrainBpe(texts, {.vocab_size = 260,
                       .special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"},
                       .pattern = {}}));
  const int64_t vocab = batch.tokenizer->vocab_size();
  const ModelConfig config = CheckConfig(vocab);
  const uint64_t seed = settings.seed;
  batch.behaviour = MakeModel(config, settings.compute, seed, 0, 0);
  batch.trained = MakeModel(config, settings.compute, seed, 0.02, 1);
  batch.reference = MakeModel(config, settings.compute, seed, 0.02, 2);
  Random random{RandomKey(seed)[3]};
  for (size_t g = 0; g < kPlans.size(); ++g)
    batch.trees.push_back(MakeTree(kPlans[g], static_cast<int64_t>(g), settings, vocab, &random));
  // What sampling records.
  std::vector<const Tree*> pointers;
  for (const Tree& tree : batch.trees) pointers.push_back(&tree);
  constexpr Statistic kWanted[] = {Statistic::kLogp, Statistic::kEntropy};
  const auto fields = Score(*batch.behaviour, pointers, kWanted, settings.temperature, kManyTokens);
  // As if rollouts were quantised.
  const auto sampler = MakeModel(config, settings.compute, seed, 0.005, 4);
  const auto drawn = Score(*sampler, pointers, kLogpOnly, settings.temperature, kManyTokens);
  for (size_t g = 0; g < batch.trees.size(); ++g) {
    for (size_t s = 0; s < batch.trees[g].segments.size(); ++s) {
      Segment& segment = batch.trees[g].segments[s];
      if (!kSampled.Contains(segment.author)) continue;
      segment.logp = fields[0][g][s];
      segment.entropy = fields[1][g][s];
      segment.sampler_logp = drawn[0][g][s];
    }
  }
  return batch;
}

std::unique_ptr<Model> CopyOfTrained(const CheckBatch& batch) {
  auto model = std::make_unique<Model>(batch.trained->config(), batch.settings.compute);
  std::copy_n(batch.trained->weights(), batch.trained->layout().total, model->weights());
  model->WeightsChanged(true);
  return model;
}

Rows MakeCheckRows(const CheckBatch& batch, std::span<const size_t> order, const Needs& needs) {
  const auto trees = batch.InOrder(order);
  Rows rows = MakeRows(trees);
  if (batch.settings.overlong.name == "filter") {
    for (int64_t s = 0; s < rows.num_rows(); ++s) {
      if (!rows.truncated[s]) continue;
      std::fill(rows.mask.begin() + rows.begin[s], rows.mask.begin() + rows.begin[s + 1], 0.0);
    }
  }
  const float temperature = batch.settings.temperature;
  if (needs.reference) {
    constexpr Statistic kWanted[] = {Statistic::kLogp};
    rows.logp_ref =
        LeafRows(trees, Score(*batch.reference, trees, kWanted, temperature, kManyTokens)[0]);
  }
  if (!needs.behaviour.empty()) {
    const auto fields = Score(*batch.behaviour, trees, needs.behaviour, temperature, kManyTokens,
                              batch.reference.get());
    for (size_t i = 0; i < fields.size(); ++i)
      rows.behaviour[ToString(needs.behaviour[i])] = LeafRows(trees, fields[i]);
  }
  // Any numbers that belong to the token.
  const std::vector<int32_t> row = RowOfTokens(rows), group = GroupOfRows(rows);
  const auto random = [&](int64_t t, uint64_t column) {
    const int32_t s = row[t];
    const RandomKey key =
        RandomKey(batch.settings.seed)[static_cast<uint64_t>(rows.prompt[group[s]])]
                                      [static_cast<uint64_t>(rows.sample[s])][column];
    return key.Uniform(static_cast<uint64_t>(t - rows.begin[s]));
  };
  for (int64_t t = 0; t < rows.num_tokens(); ++t) {
    if (needs.values) rows.value.push_back(random(t, 0));
    if (needs.process_reward) rows.token_reward[t] += random(t, 1) - 0.5;
  }
  return rows;
}

std::vector<std::vector<SegmentField<float>>> CheckStatistics(const CheckBatch& batch,
                                                              std::span<const size_t> order,
                                                              std::span<const Statistic> wanted,
                                                              int64_t micro_batch_tokens) {
  return Score(*batch.trained, batch.InOrder(order), wanted, batch.settings.temperature,
               micro_batch_tokens, batch.reference.get());
}

}  // namespace rlvr
