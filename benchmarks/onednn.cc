#include "onednn.h"

#include <omp.h>

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

namespace rlvr {
namespace {

using Memory = dnnl::memory;
using Tag = Memory::format_tag;

struct Product {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<dnnl::primitive> primitives;  // in order
  std::vector<std::unordered_map<int, Memory>> args;

  Memory Filled(const Memory::desc& desc) {  // 0.5: neither subnormal nor an untouched page
    Memory memory(desc, engine);
    auto* bytes = static_cast<uint8_t*>(memory.get_data_handle());
    for (size_t i = 0; i < desc.get_size(); ++i) bytes[i] = i % 2 == 0 ? 0 : 0x3f;
    return memory;
  }
  // A matrix of activations; from fp32 if it is to be rounded.
  Memory Activations(const Memory::desc& desc, Memory::dims dims, Tag tag, bool rounded) {
    const Memory to = Filled(desc);
    if (rounded && desc.data_type() != Memory::data_type::f32) {
      const Memory from = Filled({dims, Memory::data_type::f32, tag});
      primitives.push_back(dnnl::reorder(from, to));
      args.push_back({{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
    }
    return to;
  }
};

Memory::data_type TypeOf(ComputeType type) {
  return type == ComputeType::kFp32 ? Memory::data_type::f32 : Memory::data_type::bf16;
}

std::function<void()> Run(std::shared_ptr<Product> p) {
  return [p] {
    for (size_t i = 0; i < p->primitives.size(); ++i)
      p->primitives[i].execute(p->stream, p->args[i]);
    p->stream.wait();
  };
}

}  // namespace

std::function<void()> OneDnnMatMul(int64_t m, int64_t n, int64_t k, ComputeType type, int threads,
                                   OneDnnInputs inputs) {
  omp_set_num_threads(threads);
  auto p = std::make_shared<Product>();
  const Memory::desc x({m, k}, TypeOf(type), Tag::ab), w({k, n}, TypeOf(type), Tag::any),
      y({m, n}, Memory::data_type::f32, Tag::ab);
  const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(x, w, y), p->engine);
  const Memory a = p->Activations(x, {m, k}, Tag::ab, inputs == OneDnnInputs::kRounded);
  p->args.push_back({{DNNL_ARG_SRC, a},
                     {DNNL_ARG_WEIGHTS, p->Filled(desc.weights_desc())},
                     {DNNL_ARG_DST, p->Filled(y)}});
  p->primitives.push_back(dnnl::matmul(desc));
  return Run(p);
}

std::function<void()> OneDnnWeightGradient(int64_t m, int64_t n, int64_t k, ComputeType type,
                                           int threads, OneDnnInputs inputs) {
  omp_set_num_threads(threads);
  auto p = std::make_shared<Product>();
  const bool rounded = inputs == OneDnnInputs::kRounded;
  const Memory::desc dy({n, m}, TypeOf(type), Tag::ba), x({m, k}, TypeOf(type), Tag::ab),
      dw({n, k}, Memory::data_type::f32, Tag::ab);
  dnnl::post_ops add;
  add.append_sum(1.0f);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(add);
  const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(dy, x, dw), attributes, p->engine);
  const Memory a = p->Activations(dy, {n, m}, Tag::ba, rounded),
               b = p->Activations(x, {m, k}, Tag::ab, rounded);
  p->args.push_back({{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, p->Filled(dw)}});
  p->primitives.push_back(dnnl::matmul(desc));
  return Run(p);
}

}  // namespace rlvr
