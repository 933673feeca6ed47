// Writing of keys and values into their pages.
#include <vector>

#include "base/thread_pool.h"
#include "tensor/attention.h"
#include "tensor/elementwise.h"

namespace rlvr {

void AttentionShape::Check() const {
  RLVR_CHECK(num_kv_heads > 0 && num_heads % num_kv_heads == 0 && head_dim > 0)
      << num_heads << " " << num_kv_heads << " " << head_dim;
}

void WriteKv(View<const float> k, View<const float> v, std::span<const KvSlot> slots,
             const AttentionShape& shape, const KvLayer& layer) {
  shape.Check();
  const int64_t E = shape.head_dim, K = shape.num_kv_heads;
  RLVR_CHECK(k.rows == static_cast<int64_t>(slots.size()) && k.cols == K * E && v.cols == K * E);
  const auto write = [&](auto* kd, auto* vd, auto convert) {
    std::vector<int64_t> place(static_cast<size_t>(E));
    for (int64_t e = 0; e < E; ++e) place[e] = layer.Place(e, E);
    ParallelFor(k.rows, 16, [&, place = place.data()](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        for (int64_t h = 0; h < K; ++h) {
          const float *kr = k.row(t) + h * E, *vr = v.row(t) + h * E;
          auto* kp = kd + layer.KeyIndex(shape, slots[t].page, h, slots[t].offset, 0);
          auto* vp = vd + layer.ValueIndex(shape, slots[t].page, h, slots[t].offset, 0);
          for (int64_t e = 0; e < E; ++e) kp[e * kPageTokens] = convert(kr[e]);
          for (int64_t e = 0; e < E; ++e) vp[place[e]] = convert(vr[e]);
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
