#include "verify/format/bounded_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

namespace rlvr {
namespace {

constexpr uint32_t kMostSteps = 1000000, kMostHeap = 16 << 10;  // heap in KiB
constexpr int64_t kMostMatches = 1000000;

}  // namespace

struct BoundedPattern::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

BoundedPattern::BoundedPattern(const std::string& pattern, Options options) {
  auto code = std::make_shared<Code>();
  int number = 0;
  PCRE2_SIZE offset = 0;
  const uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                         (options.ignore_case ? PCRE2_CASELESS : 0) |
                         (options.multiline ? PCRE2_MULTILINE : 0);
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), flags,
                             &number, &offset, nullptr);
  if (code->code == nullptr) {
    std::array<PCRE2_UCHAR, 256> message{};
    pcre2_get_error_message(number, message.data(), message.size());
    error_ = reinterpret_cast<const char*>(message.data());
  }
  code_ = std::move(code);
}

namespace {

struct PatternSearch {
  explicit PatternSearch(const pcre2_code* code)
      : data(pcre2_match_data_create_from_pattern(code, nullptr)),
        context(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(context, kMostSteps);
    pcre2_set_heap_limit(context, kMostHeap);
  }
  ~PatternSearch() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
  PatternSearch(const PatternSearch&) = delete;
  PatternSearch& operator=(const PatternSearch&) = delete;
  int At(const pcre2_code* code, std::string_view text, size_t offset) const {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), offset, 0,
                       data, context);
  }
  pcre2_match_data* data;
  pcre2_match_context* context;
};

}  // namespace

BoundedPattern::Outcome BoundedPattern::Search(std::string_view text) const {
  if (code_->code == nullptr) return Outcome::kNone;
  const PatternSearch search(code_->code);
  const int result = search.At(code_->code, text, 0);
  if (result >= 0) return Outcome::kMatch;
  return result == PCRE2_ERROR_NOMATCH ? Outcome::kNone : Outcome::kTooMuchWork;
}

int64_t BoundedPattern::Count(std::string_view text) const {
  if (code_->code == nullptr) return 0;
  const PatternSearch search(code_->code);
  int64_t count = 0;
  for (size_t at = 0; at <= text.size();) {
    const int result = search.At(code_->code, text, at);
    if (result == PCRE2_ERROR_NOMATCH) return count;
    if (result < 0 || ++count > kMostMatches) return -1;
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(search.data);
    at = ends[1];
    if (ends[0] != ends[1]) continue;
    do ++at;  // past a character after an empty match
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  }
  return count;
}

}  // namespace rlvr
