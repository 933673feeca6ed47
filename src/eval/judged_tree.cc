#include "eval/judged_tree.h"

#include <utility>

#include "parallel/tree_bytes.h"

namespace rlvr {

void PutJudgedTree(const JudgedTree& judged, ByteWriter* out) {
  PutTree(judged.tree, out);
  out->Put(static_cast<uint64_t>(judged.results.size()));
  for (const ConversationResult& r : judged.results) {
    out->Put(r.verdict);
    out->Put(r.answer);
    out->Put(r.score);
    out->Put(r.failure);
    out->Put(static_cast<uint64_t>(r.metrics.size()));
    for (const auto& [name, value] : r.metrics) {
      out->Put(name);
      out->Put(value);
    }
  }
}

JudgedTree GetJudgedTree(ByteReader* in) {
  JudgedTree judged{GetTree(in), {}};
  for (auto n = in->Get<uint64_t>(); n > 0; --n) {
    ConversationResult& r = judged.results.emplace_back();
    r.verdict = in->Get<Verdict>();
    r.answer = in->Get<std::string>();
    r.score = in->Get<float>();
    r.failure = in->Get<std::string>();
    for (auto m = in->Get<uint64_t>(); m > 0; --m) {
      std::string name = in->Get<std::string>();
      r.metrics[std::move(name)] = in->Get<double>();
    }
  }
  return judged;
}

}  // namespace rlvr
