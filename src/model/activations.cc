#include "model/activations.h"

#include <algorithm>

#include "base/thread_pool.h"
#include "model/activation_layout.h"
#include "model/head.h"

namespace rlvr {
namespace {

constexpr int64_t kOwnMatrices = 2;  // hidden states and their gradient

int64_t Kept(const ModelConfig& c, int64_t kept_layers) {
  return std::clamp<int64_t>(kept_layers, 1, c.num_hidden_layers);
}

// Keys, values and their transpose of a range of a tree's rows, for each thread (UnpackRange of
// tensor/attention_backward.cc).
int64_t AttentionBackwardBytes(const ModelConfig& c) {
  return 4 * 3 * c.head_dim * (kAttentionRangeRows + kPageTokens) * NumThreads();
}

int64_t HeadBytesOf(const ModelConfig& c) { return c.value_head ? 0 : HeadBytes(c); }

}  // namespace

Activations::Layer Activations::Layer::Rows(int64_t begin, int64_t end) const {
  Layer part = *this;
  for (View<float>* v :
       {&part.input_rstd, &part.qkv, &part.q, &part.q_rstd, &part.k_rstd, &part.max_score,
        &part.sum, &part.attention, &part.middle, &part.middle_rstd, &part.gate_up}) {
    if (v->rows > 0) *v = v->Rows(begin, end);
  }
  return part;
}

View<float> Workspace::Own(int64_t i, int64_t T, int64_t D) {
  RLVR_CHECK(i < own_matrices);
  BlockCursor cursor(block.data());
  for (; i > 0; --i) cursor.Take(T, D);
  const View<float> own = cursor.Take(T, D);
  RLVR_CHECK(cursor.used() <= block.size());
  return own;
}

ForwardArrays ForwardArrays::Rows(int64_t begin, int64_t end) const {
  return {x.Rows(begin, end), normed.Rows(begin, end), k.rows > 0 ? k.Rows(begin, end) : k,
          act.Rows(begin, end)};
}

ForwardArrays TakeForward(const ModelConfig& c, int64_t T, BlockCursor* cursor) {
  ForwardArrays w;
  w.x = cursor->Take(T, c.hidden_size);
  w.normed = cursor->Take(T, c.hidden_size);
  if (c.qk_norm) w.k = cursor->Take(T, c.num_key_value_heads * c.head_dim);
  w.act = cursor->Take(T, c.intermediate_size);
  return w;
}

Activations::Layer TakeScratchLayer(const ModelConfig& c, int64_t T, BlockCursor* cursor) {
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads, E = c.head_dim;
  Activations::Layer a;
  a.input_rstd = cursor->Take(T, 1);
  a.qkv = cursor->Take(T, (H + 2 * K) * E);
  a.q = c.qk_norm ? cursor->Take(T, H * E) : a.qkv.Cols(0, H * E);
  if (c.qk_norm) {
    a.q_rstd = cursor->Take(T, H);
    a.k_rstd = cursor->Take(T, K);
  }
  a.max_score = cursor->Take(T, H);
  a.sum = cursor->Take(T, H);
  a.attention = cursor->Take(T, H * E);
  a.middle_rstd = cursor->Take(T, 1);
  a.gate_up = cursor->Take(T, 2 * c.intermediate_size);
  return a;
}

TrainingArrays TakeTraining(const ModelConfig& c, int64_t T, int64_t own_matrices, float* block,
                            Activations* saved) {
  const int64_t D = c.hidden_size, F = c.intermediate_size, L = c.num_hidden_layers;
  const int64_t H = c.num_attention_heads, K = c.num_key_value_heads, E = c.head_dim;
  BlockCursor cursor(block);
  for (int64_t i = 0; i < own_matrices; ++i) cursor.Take(T, D);

  saved->input.clear();
  for (int64_t l = 0; l < L; ++l) saved->input.push_back(cursor.Take(T, D));
  std::vector<Activations::Layer> kept;
  for (int64_t i = 0; i < Kept(c, saved->kept_layers); ++i) {
    kept.push_back(TakeScratchLayer(c, T, &cursor));
    kept.back().middle = cursor.Take(T, D);
  }
  saved->layers.assign(static_cast<size_t>(L) - kept.size(), kept.back());
  saved->layers.insert(saved->layers.end(), kept.begin(), kept.end());
  saved->output = cursor.Take(T, D);
  saved->output_rstd = cursor.Take(T, 1);

  TrainingArrays a;
  a.work = cursor.used();
  a.forward = TakeForward(c, T, &cursor);
  a.dx = cursor.Take(T, D);
  a.dnormed = cursor.Take(T, D);
  a.dqkv = cursor.Take(T, (H + 2 * K) * E);
  a.dattention = cursor.Take(T, H * E);
  a.dgate_up = cursor.Take(T, 2 * F);
  a.dact = cursor.Take(T, F);
  a.end = cursor.used();
  return a;
}

int64_t ActivationBytes(const ModelConfig& c, int64_t T, int64_t kept_layers) {
  Activations saved;
  saved.kept_layers = kept_layers;
  return 4 * TakeTraining(c, T, kOwnMatrices, nullptr, &saved).end + HeadBytesOf(c) +
         AttentionBackwardBytes(c);
}

int64_t ForwardBytes(const ModelConfig& c, int64_t T) {
  BlockCursor cursor;
  for (int64_t i = 0; i < kOwnMatrices; ++i) cursor.Take(T, c.hidden_size);
  TakeForward(c, T, &cursor);
  TakeScratchLayer(c, T, &cursor);
  return 4 * cursor.used() + HeadBytesOf(c);
}

int64_t KeptLayers(const ModelConfig& c, const ActivationBound& bound, int64_t T) {
  int64_t kept = bound.recompute ? 1 : c.num_hidden_layers;
  if (bound.bytes == 0) return kept;
  while (kept > 0 && ActivationBytes(c, T, kept) > bound.bytes) --kept;
  return kept;
}

int64_t MostTokens(const ModelConfig& c, const ActivationBound& bound) {
  constexpr int64_t kAny = int64_t{1} << 40;
  if (bound.bytes == 0) return kAny;
  int64_t fits = 0, fails = bound.bytes / 4 + 1;  // a token takes more than one float
  while (fails - fits > 1) {
    const int64_t T = fits + (fails - fits) / 2;
    (ActivationBytes(c, T, 1) <= bound.bytes ? fits : fails) = T;
  }
  return fits;
}

}  // namespace rlvr
