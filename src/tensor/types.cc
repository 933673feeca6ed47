#include "tensor/types.h"

#include "base/error.h"
#include "base/suggest.h"

namespace rlvr {

const char* ToString(ComputeType type) { return type == ComputeType::kFp32 ? "fp32" : "bf16"; }

ComputeType ParseComputeType(const std::string& name) {
  if (name == "fp32") return ComputeType::kFp32;
  if (name == "bf16") return ComputeType::kBf16;
  throw Error("compute", "unknown type '" + name + "'", DidYouMean(name, {"fp32", "bf16"}));
}

}  // namespace rlvr
