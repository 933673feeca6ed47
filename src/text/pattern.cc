#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <utility>

#include "base/error.h"
#include "text/tokenizer/pattern_syntax.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {

struct Pattern::Code {
  explicit Code(pcre2_code* c) : code(c) {}
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  pcre2_code* code;
};

Pattern::Pattern(const std::string& text, const std::string& place) : place_(place) {
  const std::string translated = TranslatePattern(text, place);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
      &error, &offset, nullptr);
  if (!code) {
    PCRE2_UCHAR message[256];
    pcre2_get_error_message(error, message, sizeof(message));
    throw Error(place, "pattern '" + text + "': " + std::string(reinterpret_cast<char*>(message)),
                "is tokenizer.json damaged?");
  }
  code_ = std::make_unique<Code>(code);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

Pattern::Search::Search(const Pattern& pattern, std::string_view text)
    : pattern_(pattern),
      text_(text),
      match_(pcre2_match_data_create_from_pattern(pattern.code_->code, nullptr)) {}

Pattern::Search::~Search() { pcre2_match_data_free(static_cast<pcre2_match_data*>(match_)); }

bool Pattern::Search::Next(size_t* begin, size_t* end) {
  auto* match = static_cast<pcre2_match_data*>(match_);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text_.data());
  while (from_ <= text_.size()) {
    const auto run = [&](uint32_t options) {
      return pcre2_match(pattern_.code_->code, subject, text_.size(), from_, options, match,
                         nullptr);
    };
    int found = run(0);
    // The compiled form has a small stack of its own; the interpreter has more.
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) found = run(PCRE2_NO_JIT);
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0) {
      throw Error(pattern_.place_, "a pattern of the tokenizer gave up on a text",
                  "shorten the text or simplify the pattern");
    }
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match);
    *begin = range[0];
    *end = range[1];
    if (*end > *begin || static_cast<ptrdiff_t>(*end) != last_end_) {
      from_ = *end;
      last_end_ = static_cast<ptrdiff_t>(*end);
      return *end >= *begin;
    }
    // An empty match right behind the last one counts for nothing.
    from_ += from_ < text_.size() ? unicode::At(text_, from_).size : 1;
  }
  return false;
}

std::string EscapePattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$#&-~").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace rlvr
