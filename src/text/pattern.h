// The regular expression that cuts text into the pieces within which tokens are merged.
#ifndef RLVR_TEXT_PATTERN_H_
#define RLVR_TEXT_PATTERN_H_
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace rlvr {

// A compiled pre-tokenizer pattern; UTF and Unicode classes on.
class Pattern {
 public:
  Pattern(const std::string& text, const std::string& place) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_ =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &error, &offset, nullptr);
    if (!code_) {
      PCRE2_UCHAR message[256];
      pcre2_get_error_message(error, message, sizeof(message));
      throw Error(place, "pre_tokenizer pattern: " + std::string(reinterpret_cast<char*>(message)),
                  "is tokenizer.json damaged?");
    }
    pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);
  }
  ~Pattern() { pcre2_code_free(code_); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  // Calls piece(begin, end) on every match and on what lies between matches.
  template <class F>
  void Split(std::string_view text, F piece) const {
    pcre2_match_data* match = pcre2_match_data_create_from_pattern(code_, nullptr);
    size_t at = 0;
    while (at < text.size()) {
      const int found = pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                    at, 0, match, nullptr);
      if (found < 0) break;
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match);
      if (range[1] <= range[0]) break;
      if (range[0] > at) piece(at, range[0]);
      piece(range[0], range[1]);
      at = range[1];
    }
    if (at < text.size()) piece(at, text.size());
    pcre2_match_data_free(match);
  }

 private:
  pcre2_code* code_;
};

}  // namespace rlvr
#endif  // RLVR_TEXT_PATTERN_H_
