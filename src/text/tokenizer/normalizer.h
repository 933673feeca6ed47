// What is done to text before it is cut: tokenizer.json's "normalizer".
#ifndef RLVR_TEXT_TOKENIZER_NORMALIZER_H_
#define RLVR_TEXT_TOKENIZER_NORMALIZER_H_
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/part.h"
#include "text/tokenizer/replacement.h"
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
    enum Kind { kForm, kLowercase, kStrip, kPrepend, kReplace } kind;
    unicode::NormalForm form = unicode::NormalForm::kNfc;
    bool left = false, right = false;  // kStrip
    std::string prefix;                // kPrepend
    std::optional<Replacement> replacement;
  };
  void Add(const Part& part);
  static void ApplyStep(const Step& step, std::string* text);

  std::vector<Step> steps_;
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_NORMALIZER_H_
