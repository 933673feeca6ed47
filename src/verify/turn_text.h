// A turn as the strategy rules see it: sentences of lower-case plain text that know where they stood.
#ifndef RLVR_VERIFY_TURN_TEXT_H_
#define RLVR_VERIFY_TURN_TEXT_H_
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

// ASCII letters in lower case, typographic quotes, dashes and blanks as their ASCII sisters, no
// markdown emphasis.
struct PlainText {
  std::string text;
  std::vector<uint32_t> at;  // [text.size() + 1] byte of the original that a byte stands for
  std::vector<bool> bold;    // [text.size()]
};
PlainText MakePlain(std::string_view original);

// A number as people write it, in a sentence: $1,234.50  -3  1/2  40%  \frac{1}{2}. "19th" and the
// 10 of "10-year" are none.
struct NumberSpan {
  size_t begin = 0, end = 0;  // in PlainText::text
};

struct Sentence {
  size_t begin = 0, end = 0;  // in PlainText::text, without a list's mark
  bool listed = false;        // stands behind a list's mark
  bool first = false;         // of its line
  bool question = false;      // ends in a question mark outside quotation marks
  std::string_view text;      // of PlainText::text
  std::string spoken;         // the same without what stands in quotation marks
  std::vector<NumberSpan> numbers;
};
std::vector<Sentence> SplitSentences(const PlainText& plain);

// Some phrase occurs in text, beginning and ending at a word's boundary.
bool HasPhrase(std::string_view text, std::initializer_list<const char*> phrases);

}  // namespace rlvr
#endif  // RLVR_VERIFY_TURN_TEXT_H_
