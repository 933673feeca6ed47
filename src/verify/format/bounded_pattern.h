// Regular expressions (PCRE2) whose work is bounded, for text that nobody trusts.
#ifndef RLVR_VERIFY_FORMAT_BOUNDED_PATTERN_H_
#define RLVR_VERIFY_FORMAT_BOUNDED_PATTERN_H_
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace rlvr {

class BoundedPattern {
 public:
  // Unicode: \w, \s, \b and cases are those of all scripts; ^ and $ only at the text's ends unless
  // multiline. What is no UTF-8 in a text matches nothing.
  struct Options {
    bool ignore_case = false, multiline = false;
  };
  BoundedPattern(const std::string& pattern, Options options);
  const std::string& error() const { return error_; }  // empty: the pattern is well formed

  enum class Outcome : uint8_t { kMatch, kNone, kTooMuchWork };
  Outcome Search(std::string_view text) const;
  // Matches that do not overlap, from left to right; -1: too much work.
  int64_t Count(std::string_view text) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
  std::string error_;
};

}  // namespace rlvr
#endif  // RLVR_VERIFY_FORMAT_BOUNDED_PATTERN_H_
