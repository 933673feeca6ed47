// Writing of keys and values into their pages.
#include <algorithm>
#include <vector>

#include "base/thread_pool.h"
#include "tensor/attention.h"
#include "tensor/elementwise.h"

namespace rlvr {

void AttentionShape::Check() const {
  RLVR_CHECK(num_kv_heads > 0 && num_heads % num_kv_heads == 0 && head_dim > 0)
      << num_heads << " " << num_kv_heads << " " << head_dim;
}

namespace {

constexpr int64_t kConverted = 64;  // elements of a row at a time

// Of one KV head: k's elements lie a page's row apart, each in a cache line of its own. Where the next
// token's page is another one (decoding), its lines are asked for meanwhile: waiting for each in turn
// took longer than all else here.
template <class T, class Convert>
void WriteHead(const float* k, const float* v, int64_t E, const int64_t* place, Convert convert,
               T* key, T* value, const T* next_key, const T* next_value) {
  T row[kConverted];
  for (int64_t e0 = 0; e0 < E; e0 += kConverted) {
    const int64_t n = std::min(kConverted, E - e0);
    for (int64_t e = 0; e < n; ++e) row[e] = convert(k[e0 + e]);
    for (int64_t e = 0; e < n; ++e) {
      key[(e0 + e) * kPageTokens] = row[e];
      if (next_key) __builtin_prefetch(next_key + (e0 + e) * kPageTokens, /*write=*/1);
    }
    for (int64_t e = 0; e < n; ++e) row[e] = convert(v[e0 + e]);
    for (int64_t e = 0; e < n; ++e) value[place[e0 + e]] = row[e];
    if (next_value) __builtin_prefetch(next_value + e0, /*write=*/1);
  }
}

}  // namespace

void WriteKv(View<const float> k, View<const float> v, std::span<const KvSlot> slots,
             const AttentionShape& shape, const KvLayer& layer) {
  shape.Check();
  const int64_t E = shape.head_dim, K = shape.num_kv_heads;
  RLVR_CHECK(k.rows == static_cast<int64_t>(slots.size()) && k.cols == K * E && v.cols == K * E);
  const auto write = [&](auto* kd, auto* vd, auto convert) {
    std::vector<int64_t> place(static_cast<size_t>(E));
    for (int64_t e = 0; e < E; ++e) place[e] = layer.Place(e, E);
    const auto key = [&](int64_t t, int64_t h) {
      return kd + layer.KeyIndex(shape, slots[t].page, h, slots[t].offset, 0);
    };
    const auto value = [&](int64_t t, int64_t h) {
      return vd + layer.ValueIndex(shape, slots[t].page, h, slots[t].offset, 0);
    };
    ParallelFor(k.rows, 16, [&, place = place.data()](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        const bool other_page = t + 1 < end && slots[t + 1].page != slots[t].page;
        for (int64_t h = 0; h < K; ++h) {
          WriteHead(k.row(t) + h * E, v.row(t) + h * E, E, place, convert, key(t, h), value(t, h),
                    other_page ? key(t + 1, h) : nullptr, other_page ? value(t + 1, h) : nullptr);
        }
      }
    });
  };
  if (layer.type == ComputeType::kFp32) {
    write(static_cast<float*>(layer.k), static_cast<float*>(layer.v), [](float x) { return x; });
  } else {
    write(static_cast<Bf16*>(layer.k), static_cast<Bf16*>(layer.v),
          [](float x) { return ToBf16(x); });
  }
}

}  // namespace rlvr
