// The two compute types and bf16 itself.
#ifndef RLVR_TENSOR_TYPES_H_
#define RLVR_TENSOR_TYPES_H_
#include <bit>
#include <cstdint>
#include <string>

namespace rlvr {

// kFp32: everything in fp32. kBf16: inputs of matrix products, and the cached K and V, are rounded
// to bf16; sums, activations, softmax, master weights and moments stay fp32.
enum class ComputeType : uint8_t { kFp32, kBf16 };
const char* ToString(ComputeType type);                 // "fp32", "bf16"
ComputeType ParseComputeType(const std::string& name);  // throws Error

struct Bf16 {
  uint16_t bits;
};
static_assert(sizeof(Bf16) == 2);

// Round to nearest, ties to even; NaN stays a (quiet) NaN, subnormals are kept.
inline Bf16 ToBf16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((u >> 16) | 0x40)};
  return {static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16)};
}
inline float ToFloat(Bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

}  // namespace rlvr
#endif  // RLVR_TENSOR_TYPES_H_
