// Terms of metrics on their way between ranks.
#ifndef RLVR_TRAIN_TERM_BYTES_H_
#define RLVR_TRAIN_TERM_BYTES_H_
#include <vector>

#include "objective/stage.h"
#include "parallel/bytes.h"

namespace rlvr {

inline void PutTerms(const std::vector<MetricTerm>& terms, ByteWriter* out) {
  out->Put(static_cast<uint64_t>(terms.size()));
  for (const MetricTerm& term : terms) {
    out->Put(term.name);
    out->Put(term.sum);
    out->Put(term.weight);
    out->Put(term.is_max);
  }
}

inline std::vector<MetricTerm> GetTerms(ByteReader* in) {
  std::vector<MetricTerm> terms(in->Get<uint64_t>());
  for (MetricTerm& term : terms) {
    term.name = in->Get<std::string>();
    term.sum = in->Get<double>();
    term.weight = in->Get<double>();
    term.is_max = in->Get<bool>();
  }
  return terms;
}

}  // namespace rlvr
#endif  // RLVR_TRAIN_TERM_BYTES_H_
