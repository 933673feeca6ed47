// The fused language-model head: logits of a chunk of rows are made, reduced and dropped; [T, V]
// never exists.
#ifndef RLVR_MODEL_HEAD_H_
#define RLVR_MODEL_HEAD_H_
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/model.h"
#include "tensor/row_stats.h"

namespace rlvr {

// A row statistic is a differentiable function of one row of logits. z = logits / temperature,
// p = softmax(z), a: the row's token. Sets are chosen by z, ties by the lower id; a set is a
// constant of the gradient. model/statistic/*.h has one small struct each.
struct Statistic {
  enum class Kind : uint8_t {
    kLogp,                // log p_a
    kEntropy,             // H = -sum_i p_i log p_i, nats
    kMaxProb,             // max_i p_i
    kTopkEntropy,         // (k) of the k likeliest tokens, and all others as one
    kNucleusEntropy,      // (P) of the renormalised shortest top list with mass >= P
    kOpenNucleusEntropy,  // (P) of the renormalised longest top list with mass < P; 0 if empty
    kFilteredLogp,        // (min_p) log p_a renormalised over {i: p_i >= min_p max p}; kFilteredOut
    kSumP2,               // sum_i p_i^2
    kSumP2Logp,           // sum_i p_i^2 log p_i
    kLogitMargin,         // log sum_i exp(z_i) - mean_i z_i
    kLogit,               // z_a
    kKlToReference,       // D(p || q) = sum_i p_i (log p_i - log q_i), q: the second model's row
    kKlFromReference,     // D(q || p)
  };
  static constexpr float kFilteredOut = -1e4f;  // filtered_logp of a token outside the set
  Kind kind = Kind::kLogp;
  float parameter = 0;  // of kinds that have one
  friend bool operator==(const Statistic&, const Statistic&) = default;
  static const Statistic kLogp, kEntropy, kMaxProb;
};
inline constexpr Statistic Statistic::kLogp{Kind::kLogp};
inline constexpr Statistic Statistic::kEntropy{Kind::kEntropy};
inline constexpr Statistic Statistic::kMaxProb{Kind::kMaxProb};
std::string ToString(const Statistic& statistic);   // "logp", "topk_entropy(20)"
Statistic ParseStatistic(const std::string& name);  // the inverse; Error for anything else

bool ReadsSecondModel(const Statistic& statistic);  // the last two kinds

// One row and its token, as the statistics' structs read them.
struct StatisticRow {
  const RowStats& stats;
  std::span<const float> logits;  // [V]
  int32_t token;
  float temperature;
  const RowStats* second_stats = nullptr;  // of the kinds that read a second model
  std::span<const float> second_logits;    // [V], at the same temperature
};

// Value of a statistic at one row for `token`, and its gradient times `coefficient`, split into the
// dense part and single-token terms: dlogits[token] += value / temperature for each spike.
float StatisticValue(Statistic s, const StatisticRow& row);
struct StatisticGradient {
  DenseGradient dense;
  int32_t spike_token = -1;
  float spike = 0;
  std::vector<std::pair<int32_t, float>> spikes;  // of the kinds over a set of tokens
  float p_log_q = 0, q = 0;  // dlogits_i += (p_i log q_i p_log_q + q_i q) / temperature
};
StatisticGradient StatisticBackward(Statistic s, const StatisticRow& row, float coefficient);

// Another model's hidden states of the same rows, for statistics that compare two policies. It gets
// no gradient. Its vocabulary must be the policy's.
struct SecondRows {
  const Model* model = nullptr;
  View<const float> hidden;  // [R, D2] or [T, D2], row for row beside the policy's
};

// Bytes that HeadForward and HeadBackward work in at most, those of a second model aside: logits of as
// many rows as are made at once, and those rows with their gradient. HeadBytesHeld: this thread's.
int64_t HeadBytes(const ModelConfig& config);
int64_t HeadBytesHeld();

// logits [R, V] of rows of hidden [R, D]: for sampling, which reads whole rows of a few tokens.
void HeadLogits(const Model& model, View<const float> hidden, View<float> logits);

// One value per wanted statistic and row. targets [R]: token whose log-prob is asked. hidden [R,
// D]. values[i] [R] belongs to wanted[i]. second: where a wanted statistic reads a second model.
void HeadForward(const Model& model, View<const float> hidden, std::span<const int32_t> targets,
                 float temperature, std::span<const Statistic> wanted,
                 const std::vector<std::span<float>>& values, const SecondRows& second = {});

// Gradient of sum over r and i of coefficient[i][r] * statistic_i(row r). A hidden row may appear
// in several entries (a shared prompt's last token predicts the first token of each response): rows
// [R] gives the row of `hidden` [T, D] of each entry, rising; targets and coefficients are per
// entry. dhidden [T, D] is stored (rows without entries get 0); the head's weight gradient is
// added. values (may be empty): statistics recomputed on the way, per entry, the same bits as
// HeadForward. tied_gradient [V, D], zero before the mini-batch: with tied embeddings, where the
// head's part is added instead of to `gradient`. Without it a tied embedding's gradient is right,
// but its bits depend on how the mini-batch is split: the head's and the embedding's sums would
// interleave.
void HeadBackward(const Model& model, View<const float> hidden, std::span<const int64_t> rows,
                  std::span<const int32_t> targets, float temperature,
                  std::span<const Statistic> wanted,
                  const std::vector<std::span<const float>>& coefficients,
                  std::span<const int64_t> unit_begin, View<float> dhidden, float* gradient,
                  const std::vector<std::span<float>>& values, float* tied_gradient = nullptr,
                  const SecondRows& second = {});

// After the last Backward of a mini-batch: adds tied_gradient to `gradient` and zeroes it. Does
// nothing where the embeddings are not tied.
void AddTiedGradient(const Model& model, float* tied_gradient, float* gradient);

}  // namespace rlvr
#endif  // RLVR_MODEL_HEAD_H_
