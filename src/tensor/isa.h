// Which instruction set the kernels use: chosen at run time, one binary for all.
#ifndef RLVR_TENSOR_ISA_H_
#define RLVR_TENSOR_ISA_H_
#include <string>
#include <vector>

namespace rlvr {

// kScalar is the reference itself. fp32 results are bit for bit the same on all four; bf16 results
// are the same unless a sum on the way is subnormal (docs/numerics.md).
enum class Isa { kScalar, kAvx2, kAvx512, kAvx512Bf16 };
const char* ToString(Isa isa);          // "scalar", "avx2", "avx512", "avx512_bf16"
Isa ParseIsa(const std::string& name);  // throws Error
std::vector<Isa> SupportedIsas();       // of this machine, weakest first
// The best supported, unless the environment's RLVR_ISA or SetIsa says otherwise.
Isa ActiveIsa();
// Whether products in 8 bits have vpdpbusd; theirs are the same bits without.
bool HasVnni();
void SetIsa(
    Isa isa);  // throws Error if unsupported; not thread-safe; packed weights must be packed anew

}  // namespace rlvr
#endif  // RLVR_TENSOR_ISA_H_
