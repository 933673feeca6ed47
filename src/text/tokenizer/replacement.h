// "Replace" of a normalizer and of a decoder.
#ifndef RLVR_TEXT_TOKENIZER_REPLACEMENT_H_
#define RLVR_TEXT_TOKENIZER_REPLACEMENT_H_
#include <optional>
#include <string>
#include <string_view>

#include "text/pattern.h"
#include "text/tokenizer/part.h"

namespace rlvr {

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to);

class Replacement {
 public:
  explicit Replacement(const Part& part);  // its "pattern" and "content"
  std::string Apply(std::string_view text) const;

 private:
  std::string from_, to_;
  std::optional<Pattern> pattern_;  // in the place of from_
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_REPLACEMENT_H_
