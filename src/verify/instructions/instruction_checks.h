// What is checked for each id. Reading of arguments and responses, and the list, are in
// instruction.cc.
#ifndef RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_CHECKS_H_
#define RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_CHECKS_H_
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

// A response in the forms that checks read.
struct CheckedText {
  explicit CheckedText(std::string_view response);
  std::string utf8;  // valid
  std::u32string characters;
  std::u32string_view trimmed;  // of characters
};

int64_t CountBullets(const CheckedText& t);       // lines that begin with "* " or "-"
int64_t CountPlaceholders(const CheckedText& t);  // [...] within a line
int64_t CountHighlights(const CheckedText& t);    // *...* and **...** within a line
int64_t CountSections(const CheckedText& t, const std::string& splitter);  // "Section 1"
bool HasDividedParagraphs(const CheckedText& t, int64_t n);                // by ***
bool HasParagraphsAndFirstWord(const CheckedText& t, int64_t n, int64_t nth,
                               const std::string& word);
bool HasTitle(const CheckedText& t);  // <<...>>
bool HasPostscript(const CheckedText& t, const std::string& marker);
bool IsJson(const CheckedText& t);           // also within a fence
bool HasTwoResponses(const CheckedText& t);  // different, with ****** between them
bool RepeatsPrompt(const CheckedText& t, const std::string& prompt);
bool EndsWith(const CheckedText& t, const std::string& phrase);
bool IsQuoted(const CheckedText& t);
bool IsConstrainedAnswer(const CheckedText& t);  // "My answer is yes." (no, maybe)
int64_t CountLetter(const CheckedText& t, char32_t letter);
int64_t CountKeyword(const CheckedText& t, const std::string& keyword);  // an expression
bool HasWord(const CheckedText& t, const std::string& word);             // between word boundaries

}  // namespace rlvr
#endif  // RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_CHECKS_H_
