// Writing of keys and values into their pages.
#include "tensor/hwy_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kv_pages.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include <vector>

#include "base/thread_pool.h"
#include "tensor/attention.h"
#include "tensor/isa.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

const hn::CappedTag<float, 16> kD;
const hn::RebindToUnsigned<decltype(kD)> kU;

// ToBf16 (types.h) in lanes; the result stands in the low 16 bits.
HWY_INLINE hn::Vec<decltype(kU)> Rounded(const float* x) {
  const auto u = hn::BitCast(kU, hn::LoadU(kD, x));
  const auto high = hn::ShiftRight<16>(u);
  const auto odd = hn::And(high, hn::Set(kU, 1u));
  const auto near = hn::ShiftRight<16>(hn::Add(u, hn::Add(hn::Set(kU, 0x7fffu), odd)));
  const auto quiet = hn::Or(high, hn::Set(kU, 0x40u));
  const auto is_nan = hn::RebindMask(kU, hn::IsNaN(hn::BitCast(kD, u)));
  return hn::IfThenElse(is_nan, quiet, near);
}

// One token's key and value of one head. The key's elements lie a page's row apart, each in a cache
// line of its own. Where the next token's page is another one (decoding), its lines are asked for
// meanwhile.
void WriteHead(const float* k, const float* v, int64_t E, Bf16* key, Bf16* value,
               const Bf16* next_key, const Bf16* next_value) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  HWY_ALIGN uint32_t row[16];
  int64_t e = 0;
  for (; e + lanes <= E; e += lanes) {
    hn::Store(Rounded(k + e), kU, row);
    for (int64_t j = 0; j < lanes; ++j) {
      key[(e + j) * kPageTokens].bits = static_cast<uint16_t>(row[j]);
      if (next_key) __builtin_prefetch(next_key + (e + j) * kPageTokens, /*write=*/1);
    }
  }
  for (; e < E; ++e) key[e * kPageTokens] = ToBf16(k[e]);
  const int64_t paired = E / 32 * 32;  // elements i and i + 16 are neighbours (attention.h)
  for (e = 0; e < paired; e += 32) {
    for (int64_t j = 0; j < 16; j += lanes) {
      const auto low = Rounded(v + e + j), high = Rounded(v + e + 16 + j);
      hn::StoreU(hn::Or(low, hn::ShiftLeft<16>(high)), kU,
                 reinterpret_cast<uint32_t*>(value + e) + j);
    }
    if (next_value) __builtin_prefetch(next_value + e, /*write=*/1);
  }
  for (; e < E; ++e) value[e] = ToBf16(v[e]);
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rlvr {
namespace {

// Element by element, where the header says that each lies.
template <class T, class Convert>
void WritePlain(View<const float> k, View<const float> v, std::span<const KvSlot> slots,
                const AttentionShape& shape, const KvLayer& layer, Convert convert) {
  const int64_t E = shape.head_dim;
  std::vector<int64_t> place(static_cast<size_t>(E));
  for (int64_t e = 0; e < E; ++e) place[e] = layer.Place(e, E);
  ParallelFor(k.rows, 16, [&, place = place.data()](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t h = 0; h < shape.num_kv_heads; ++h) {
        const auto [page, offset] = slots[t];
        T* key = static_cast<T*>(layer.k) + layer.KeyIndex(shape, page, h, offset, 0);
        T* value = static_cast<T*>(layer.v) + layer.ValueIndex(shape, page, h, offset, 0);
        for (int64_t e = 0; e < E; ++e) key[e * kPageTokens] = convert(k.row(t)[h * E + e]);
        for (int64_t e = 0; e < E; ++e) value[place[e]] = convert(v.row(t)[h * E + e]);
      }
    }
  });
}

void WriteBf16(View<const float> k, View<const float> v, std::span<const KvSlot> slots,
               const AttentionShape& shape, const KvLayer& layer) {
  const int64_t E = shape.head_dim;
  const auto key = [&](int64_t t, int64_t h) {
    return static_cast<Bf16*>(layer.k) +
           layer.KeyIndex(shape, slots[t].page, h, slots[t].offset, 0);
  };
  const auto value = [&](int64_t t, int64_t h) {
    return static_cast<Bf16*>(layer.v) +
           layer.ValueIndex(shape, slots[t].page, h, slots[t].offset, 0);
  };
  const auto write = RLVR_DISPATCH(WriteHead);
  ParallelFor(k.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const bool other_page = t + 1 < end && slots[t + 1].page != slots[t].page;
      for (int64_t h = 0; h < shape.num_kv_heads; ++h) {
        write(k.row(t) + h * E, v.row(t) + h * E, E, key(t, h), value(t, h),
              other_page ? key(t + 1, h) : nullptr, other_page ? value(t + 1, h) : nullptr);
      }
    }
  });
}

}  // namespace

void AttentionShape::Check() const {
  RLVR_CHECK(num_kv_heads > 0 && num_heads % num_kv_heads == 0 && head_dim > 0)
      << num_heads << " " << num_kv_heads << " " << head_dim;
}

void WriteKv(View<const float> k, View<const float> v, std::span<const KvSlot> slots,
             const AttentionShape& shape, const KvLayer& layer) {
  shape.Check();
  const int64_t cols = shape.num_kv_heads * shape.head_dim;
  RLVR_CHECK(k.rows == static_cast<int64_t>(slots.size()) && k.cols == cols && v.cols == cols);
  if (layer.type == ComputeType::kFp32) {
    WritePlain<float>(k, v, slots, shape, layer, [](float x) { return x; });
  } else if (ActiveIsa() == Isa::kScalar) {
    WritePlain<Bf16>(k, v, slots, shape, layer, ToBf16);
  } else {
    WriteBf16(k, v, slots, shape, layer);
  }
}

}  // namespace rlvr
#endif  // HWY_ONCE
