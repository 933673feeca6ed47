// The kernels: what a newcomer reads first. Each has a plain scalar reference (x_ref.cc, namespace
// rlvr::ref) that fixes the order of every addition, and a fast version with the same bits.
#ifndef RLVR_TENSOR_TENSOR_H_
#define RLVR_TENSOR_TENSOR_H_
#include "tensor/adamw.h"        // IWYU pragma: export
#include "tensor/attention.h"    // IWYU pragma: export
#include "tensor/elementwise.h"  // IWYU pragma: export
#include "tensor/gemm.h"         // IWYU pragma: export
#include "tensor/isa.h"          // IWYU pragma: export
#include "tensor/rms_norm.h"     // IWYU pragma: export
#include "tensor/rope.h"         // IWYU pragma: export
#include "tensor/row_stats.h"    // IWYU pragma: export
#include "tensor/types.h"        // IWYU pragma: export
#include "tensor/view.h"         // IWYU pragma: export
#endif                           // RLVR_TENSOR_TENSOR_H_
