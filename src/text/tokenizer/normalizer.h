// What is done to text before it is cut: tokenizer.json's "normalizer".
#ifndef RLVR_TEXT_TOKENIZER_NORMALIZER_H_
#define RLVR_TEXT_TOKENIZER_NORMALIZER_H_
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/pattern.h"
#include "text/tokenizer/part.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {

class Normalizer {
 public:
  Normalizer() = default;                 // changes nothing
  explicit Normalizer(const Part& part);  // Error on types that are not supported

  bool ChangesNothing() const { return steps_.empty(); }
  // True if text would stay as it is, found out without a copy; false if it may change.
  bool Keeps(std::string_view text) const;
  std::string Apply(std::string text) const;

 private:
  struct Step {
    enum Kind { kForm, kLowercase, kStrip, kPrepend, kReplaceText, kReplacePattern } kind;
    unicode::NormalForm form = unicode::NormalForm::kNfc;
    bool left = false, right = false;  // kStrip
    std::string from, to;              // kReplace; what is prepended is in `to`
    std::optional<Pattern> pattern;
  };
  void Add(const Part& part);
  static void ApplyStep(const Step& step, std::string* text);

  std::vector<Step> steps_;
};

// Also a decoder's Replace.
std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to);
std::string ReplaceAll(std::string_view text, const Pattern& pattern, std::string_view to);

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_NORMALIZER_H_
