// The Highway targets that kernels are compiled for, and the choice among them by ActiveIsa().
// Include before any Highway header. SSE2 stays because Highway needs its baseline; it is never
// called.
#ifndef RLVR_TENSOR_HWY_TARGETS_H_
#define RLVR_TENSOR_HWY_TARGETS_H_
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#include "tensor/isa.h"

// Calls N_AVX2::name or N_AVX3::name. The scalar references are called before this is reached.
#define RLVR_DISPATCH(name) \
  (::rlvr::ActiveIsa() >= ::rlvr::Isa::kAvx512 ? &N_AVX3::name : &N_AVX2::name)
#endif  // RLVR_TENSOR_HWY_TARGETS_H_
