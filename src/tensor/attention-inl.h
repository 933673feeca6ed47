// The products of attention: query vectors against 32 keys, weights against values. Lanes are
// different keys (scores) or different e (outputs), never terms of one sum. Included once per
// Highway target, inside HWY_BEFORE_NAMESPACE.
#if defined(RLVR_TENSOR_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RLVR_TENSOR_ATTENTION_INL_H_
#undef RLVR_TENSOR_ATTENTION_INL_H_
#else
#define RLVR_TENSOR_ATTENTION_INL_H_
#endif
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "tensor/attention.h"
#include "tensor/elementwise.h"

HWY_BEFORE_NAMESPACE();
namespace rlvr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

const hn::CappedTag<float, 16> kD;
const hn::RebindToUnsigned<decltype(kD)> kU;
using V = hn::Vec<decltype(kD)>;

// What the register file holds beside the loaded vectors.
constexpr int kMostDots = HWY_TARGET <= HWY_AVX3 ? 8 : 4;   // queries of two vectors of scores
constexpr int kMostMixed = HWY_TARGET <= HWY_AVX3 ? 4 : 2;  // queries of four vectors of outputs

// Vector c of the first and of the second 16 of 32 elements.
HWY_INLINE void LoadPair(const float* p, int64_t c, V* low, V* high) {
  *low = hn::LoadU(kD, p + c);
  *high = hn::LoadU(kD, p + kPageTokens / 2 + c);
}
HWY_INLINE void LoadPair(const Bf16* p, int64_t c, V* low, V* high) {
  const auto bits = hn::LoadU(kU, reinterpret_cast<const uint32_t*>(p) + c);
  *low = hn::BitCast(kD, hn::ShiftLeft<16>(bits));
  *high = hn::BitCast(kD, hn::And(bits, hn::Set(kU, 0xffff0000u)));
}

// Of the columns past the last whole 32, which lie in order.
HWY_INLINE V LoadPlain(const float* p) { return hn::LoadU(kD, p); }
HWY_INLINE V LoadPlain(const Bf16* p) {
  const hn::Rebind<uint16_t, decltype(kD)> du16;
  const auto bits = hn::PromoteTo(kU, hn::LoadU(du16, reinterpret_cast<const uint16_t*>(p)));
  return hn::BitCast(kD, hn::ShiftLeft<16>(bits));
}

// Of what will be read next, while the products of this block run.
template <class T>
HWY_INLINE void Prefetch(const T* next, int64_t element) {
  if (next) __builtin_prefetch(next + element);
}

// out[i][j] = scale * chain over e of a[i][e] b[e * stride + j], for 32 columns j of each of
// kBlocks b. next: what will be read after these, or null.
template <int kCount, int kBlocks, class T>
HWY_INLINE void Dots32(const float* const* a, const T* const* b, int64_t stride, int64_t E,
                       float scale, float* const* out, const int64_t* column,
                       const T* const* next) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  for (int64_t c = 0; c < kPageTokens / 2; c += lanes) {
    V low[kCount][kBlocks], high[kCount][kBlocks];
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
      for (int n = 0; n < kBlocks; ++n) low[i][n] = high[i][n] = hn::Zero(kD);
    }
    for (int64_t e = 0; e < E; ++e) {
      if (c == 0) {
#pragma GCC unroll 2
        for (int n = 0; n < kBlocks; ++n) Prefetch(next[n], e * stride);
      }
      V k0[kBlocks], k1[kBlocks];
#pragma GCC unroll 2
      for (int n = 0; n < kBlocks; ++n) LoadPair(b[n] + e * stride, c, &k0[n], &k1[n]);
#pragma GCC unroll 8
      for (int i = 0; i < kCount; ++i) {
        const V x = hn::Set(kD, a[i][e]);
#pragma GCC unroll 2
        for (int n = 0; n < kBlocks; ++n) {
          low[i][n] = hn::MulAdd(x, k0[n], low[i][n]);
          high[i][n] = hn::MulAdd(x, k1[n], high[i][n]);
        }
      }
    }
    const V vscale = hn::Set(kD, scale);
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
      for (int n = 0; n < kBlocks; ++n) {
        hn::StoreU(hn::Mul(low[i][n], vscale), kD, out[i] + column[n] + c);
        hn::StoreU(hn::Mul(high[i][n], vscale), kD, out[i] + column[n] + kPageTokens / 2 + c);
      }
    }
  }
}

// `count` queries against one block, in equal parts.
template <class T>
void Dots(int64_t count, const float* const* a, const T* b, int64_t stride, int64_t E, float scale,
          float* const* out, int64_t column, const T* next) {
  for (int64_t parts = (count + kMostDots - 1) / kMostDots; parts > 0; --parts) {
    const int64_t n = (count + parts - 1) / parts;
    switch (n) {
#define RLVR_CASE(N)                                            \
  case N:                                                       \
    Dots32<N, 1>(a, &b, stride, E, scale, out, &column, &next); \
    break;
      RLVR_CASE(1)
      RLVR_CASE(2)
      RLVR_CASE(3)
      RLVR_CASE(4)
#if HWY_TARGET <= HWY_AVX3
      RLVR_CASE(5)
      RLVR_CASE(6)
      RLVR_CASE(7)
      RLVR_CASE(8)
#endif
#undef RLVR_CASE
      default:
        break;
    }
    a += n, out += n, count -= n;
    next = nullptr;
  }
}

// o[i][e] = chain over j of w[i * w_stride + j] v[j][e], continuing from o, for kCount queries and
// kPairs times 32 columns from e.
template <int kCount, int kPairs, class T>
HWY_INLINE void Mix(const float* w, int64_t w_stride, const T* v, int64_t n, int64_t E, int64_t e,
                    float* const* o, const T* next) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  for (int64_t c = 0; c < kPageTokens / 2; c += lanes) {
    V low[kCount][kPairs], high[kCount][kPairs];
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
      for (int p = 0; p < kPairs; ++p)
        LoadPair(static_cast<const float*>(o[i]) + e + p * kPageTokens, c, &low[i][p], &high[i][p]);
    }
    for (int64_t j = 0; j < n; ++j) {
      if (c == 0) {
#pragma GCC unroll 2
        for (int p = 0; p < kPairs; ++p) Prefetch(next, j * E + e + p * kPageTokens);
      }
      V x0[kPairs], x1[kPairs];
#pragma GCC unroll 2
      for (int p = 0; p < kPairs; ++p) LoadPair(v + j * E + e + p * kPageTokens, c, &x0[p], &x1[p]);
#pragma GCC unroll 8
      for (int i = 0; i < kCount; ++i) {
        const V wi = hn::Set(kD, w[i * w_stride + j]);
#pragma GCC unroll 2
        for (int p = 0; p < kPairs; ++p) {
          low[i][p] = hn::MulAdd(wi, x0[p], low[i][p]);
          high[i][p] = hn::MulAdd(wi, x1[p], high[i][p]);
        }
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
      for (int p = 0; p < kPairs; ++p) {
        hn::StoreU(low[i][p], kD, o[i] + e + p * kPageTokens + c);
        hn::StoreU(high[i][p], kD, o[i] + e + p * kPageTokens + kPageTokens / 2 + c);
      }
    }
  }
}

HWY_INLINE float AsFloat(float x) { return x; }
HWY_INLINE float AsFloat(Bf16 x) { return ToFloat(x); }

template <int kCount, class T>
HWY_INLINE void MixAll(const float* w, int64_t w_stride, const T* v, int64_t n, int64_t E,
                       float* const* o, const T* next) {
  int64_t e = 0;
  if constexpr (kCount <= kMostMixed) {
    for (; e + 2 * kPageTokens <= E; e += 2 * kPageTokens)
      Mix<kCount, 2>(w, w_stride, v, n, E, e, o, next);
  }
  for (; e + kPageTokens <= E; e += kPageTokens) Mix<kCount, 1>(w, w_stride, v, n, E, e, o, next);
  const auto lanes = static_cast<int64_t>(hn::Lanes(kD));
  for (; e + lanes <= E; e += lanes) {
    for (int i = 0; i < kCount; ++i) {
      V acc = hn::LoadU(kD, o[i] + e);
      for (int64_t j = 0; j < n; ++j)
        acc = hn::MulAdd(hn::Set(kD, w[i * w_stride + j]), LoadPlain(v + j * E + e), acc);
      hn::StoreU(acc, kD, o[i] + e);
    }
  }
  for (; e < E; ++e) {
    for (int i = 0; i < kCount; ++i) {
      float acc = o[i][e];
      for (int64_t j = 0; j < n; ++j)
        acc = std::fma(w[i * w_stride + j], AsFloat(v[j * E + e]), acc);
      o[i][e] = acc;
    }
  }
}

// Queries that Mix takes together: twice as many of two vectors of outputs.
HWY_INLINE int64_t MostMixed(int64_t E) {
  return E < 2 * kPageTokens ? 2 * kMostMixed : kMostMixed;
}

// The same for up to MostMixed(E) queries.
template <class T>
HWY_INLINE void MixSome(int64_t count, const float* w, int64_t w_stride, const T* v, int64_t n,
                        int64_t E, float* const* o, const T* next) {
  switch (count) {
#define RLVR_CASE(N) \
  case N:            \
    return MixAll<N>(w, w_stride, v, n, E, o, next);
    // clang-format off
    RLVR_CASE(1) RLVR_CASE(2) RLVR_CASE(3) RLVR_CASE(4)
#if HWY_TARGET <= HWY_AVX3
    RLVR_CASE(5) RLVR_CASE(6) RLVR_CASE(7) RLVR_CASE(8)
#endif
    // clang-format on
#undef RLVR_CASE
            default : return;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rlvr
HWY_AFTER_NAMESPACE();
#endif
