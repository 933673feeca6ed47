// Regular expressions as tokenizer.json writes them, which is Oniguruma's syntax, run by PCRE2.
#ifndef RLVR_TEXT_PATTERN_H_
#define RLVR_TEXT_PATTERN_H_
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace rlvr {

// Unicode classes are on; \s, \w, \h, \b, ^ and $ mean what they mean to Oniguruma. What the two
// would read differently and is not translated (nested classes, (?m), {n}+) is an Error.
// Thread-safe.
class Pattern {
 public:
  Pattern(const std::string& text, const std::string& place);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;

  // Calls piece(begin, end, is_match) on every match and on what lies between matches, in order,
  // over the whole text. Matches may be empty.
  template <class F>
  void ForEach(std::string_view text, F piece) const {
    Search search(*this, text);
    size_t at = 0, begin = 0, end = 0;
    while (search.Next(&begin, &end)) {
      if (begin > at) piece(at, begin, false);
      piece(begin, end, true);
      at = end;
    }
    if (at < text.size()) piece(at, text.size(), false);
  }
  // The same without the flag and without empty matches.
  template <class F>
  void Split(std::string_view text, F piece) const {
    ForEach(text, [&](size_t begin, size_t end, bool) {
      if (end > begin) piece(begin, end);
    });
  }

 private:
  struct Code;
  class Search {
   public:
    Search(const Pattern& pattern, std::string_view text);
    ~Search();
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;
    bool Next(size_t* begin, size_t* end);

   private:
    const Pattern& pattern_;
    std::string_view text_;
    void* match_;
    size_t from_ = 0;
    ptrdiff_t last_end_ = -1;  // of the match before
  };
  std::unique_ptr<Code> code_;
  std::string place_;
};

// A pattern that matches this text and nothing else.
std::string EscapePattern(std::string_view text);

}  // namespace rlvr
#endif  // RLVR_TEXT_PATTERN_H_
