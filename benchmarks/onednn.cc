#include "onednn.h"

#include <omp.h>

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

namespace rlvr {
namespace {

struct Product {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::matmul matmul;
  std::unordered_map<int, dnnl::memory> args;
};

}  // namespace

std::function<void()> OneDnnMatMul(int64_t m, int64_t n, int64_t k, ComputeType type, int threads) {
  omp_set_num_threads(threads);
  using Memory = dnnl::memory;
  const auto in = type == ComputeType::kFp32 ? Memory::data_type::f32 : Memory::data_type::bf16;
  auto p = std::make_shared<Product>();
  const Memory::desc x({m, k}, in, Memory::format_tag::ab), w({k, n}, in, Memory::format_tag::any),
      y({m, n}, Memory::data_type::f32, Memory::format_tag::ab);
  const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(x, w, y), p->engine);
  p->matmul = dnnl::matmul(desc);
  p->args = {{DNNL_ARG_SRC, Memory(desc.src_desc(), p->engine)},
             {DNNL_ARG_WEIGHTS, Memory(desc.weights_desc(), p->engine)},
             {DNNL_ARG_DST, Memory(desc.dst_desc(), p->engine)}};
  for (auto& [arg, memory] : p->args) {  // 0.5: neither subnormal nor an untouched page
    auto* bytes = static_cast<uint8_t*>(memory.get_data_handle());
    for (size_t i = 0; i < memory.get_desc().get_size(); ++i) bytes[i] = i % 2 == 0 ? 0 : 0x3f;
  }
  return [p] {
    p->matmul.execute(p->stream, p->args);
    p->stream.wait();
  };
}

}  // namespace rlvr
