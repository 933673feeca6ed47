// A turn as the strategy rules see it: sentences of lower-case plain text that know where they stood.
#ifndef RLVR_VERIFY_TURN_TEXT_H_
#define RLVR_VERIFY_TURN_TEXT_H_
#include <cstdint>
#include <initializer_list>
#include <set>
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

// A text with its sentences, which point into it.
struct TurnText {
  explicit TurnText(std::string_view text)
      : original(text), plain(MakePlain(text)), sentences(SplitSentences(plain)) {}
  TurnText(const TurnText&) = delete;
  TurnText& operator=(const TurnText&) = delete;

  // The sentence that a byte of plain.text stands in, or the one before it.
  size_t SentenceAt(size_t plain_position) const;
  // No calculation, and the sentence before it ends in a colon: "In total he needs:\n6 trucks".
  bool IsIntroduced(size_t sentence) const;

  std::string_view original;
  PlainText plain;
  std::vector<Sentence> sentences;
};

// Some phrase occurs in text, beginning and ending at a word's boundary.
bool HasPhrase(std::string_view text, std::initializer_list<const char*> phrases);

int NumWords(std::string_view text);  // between blanks
// Words of three letters and more in lower case and in the singular, without function words.
std::set<std::string> TopicWords(std::string_view text);

}  // namespace rlvr
#endif  // RLVR_VERIFY_TURN_TEXT_H_
