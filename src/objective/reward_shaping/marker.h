#ifndef RLVR_OBJECTIVE_REWARD_SHAPING_MARKER_H_
#define RLVR_OBJECTIVE_REWARD_SHAPING_MARKER_H_
#include <string>

#include "objective/batch_stage.h"

namespace rlvr {
// The first token of row s after the one that completes `marker` in the text, its first or its last
// occurrence; the row's end where the text has none.
inline int64_t TokenAfterMarker(const Rows& rows, int64_t s, const Tokenizer* tokenizer,
                                const std::string& marker, bool last) {
  if (tokenizer == nullptr)
    throw Error("reward_shaping", "a marker in the text needs a tokenizer", "run it in a training");
  std::string text;
  std::vector<size_t> end;  // of each token's text
  for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
    const int32_t token[] = {rows.token[t]};
    text += tokenizer->Decode(token);
    end.push_back(text.size());
  }
  const size_t at = last ? text.rfind(marker) : text.find(marker);
  if (at == std::string::npos) return rows.begin[s + 1];
  size_t i = 0;
  while (end[i] < at + marker.size()) ++i;
  return rows.begin[s] + static_cast<int64_t>(i) + 1;
}
}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_REWARD_SHAPING_MARKER_H_
