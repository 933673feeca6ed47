#include "tensor/isa.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "base/suggest.h"

namespace rlvr {
namespace {

std::optional<Isa>& Chosen() {
  static std::optional<Isa> isa;
  return isa;
}

bool Supports(Isa isa) {
  const auto all = SupportedIsas();
  return std::find(all.begin(), all.end(), isa) != all.end();
}

}  // namespace

const char* ToString(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Bf16:
      return "avx512_bf16";
  }
  return "?";
}

Isa ParseIsa(const std::string& name) {
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16}) {
    if (name == ToString(isa)) return isa;
  }
  throw Error("RLVR_ISA", "unknown instruction set '" + name + "'",
              DidYouMean(name, {"scalar", "avx2", "avx512", "avx512_bf16"}));
}

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas = {Isa::kScalar};
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    isas.push_back(Isa::kAvx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512cd")) {
      isas.push_back(Isa::kAvx512);
      if (__builtin_cpu_supports("avx512bf16")) isas.push_back(Isa::kAvx512Bf16);
    }
  }
  return isas;
}

bool HasVnni() {
  __builtin_cpu_init();
  static const bool has = __builtin_cpu_supports("avx512vnni");
  return has;
}

Isa ActiveIsa() {
  if (!Chosen()) {
    const char* wanted = std::getenv("RLVR_ISA");
    SetIsa(wanted ? ParseIsa(wanted) : SupportedIsas().back());
  }
  return *Chosen();
}

void SetIsa(Isa isa) {
  if (!Supports(isa)) {
    throw Error("RLVR_ISA", std::string("this processor has no ") + ToString(isa),
                std::string("the best it has is ") + ToString(SupportedIsas().back()));
  }
  Chosen() = isa;
}

}  // namespace rlvr
