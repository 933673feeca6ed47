// Text as IFEval's checks read it: characters of Unicode, words, sentences. What is no UTF-8 counts as
// U+FFFD.
#ifndef RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_TEXT_H_
#define RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_TEXT_H_
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

std::u32string Characters(std::string_view text);
std::string Utf8(std::u32string_view characters);

bool IsBlank(char32_t c);          // white space
bool IsWordCharacter(char32_t c);  // a letter, a number or _
std::u32string_view TrimBlanks(std::u32string_view text);
std::u32string LowerCase(std::u32string_view text);
// Some letter has a case, and all that have one have this one.
bool AllUpperCase(std::u32string_view text);
bool AllLowerCase(std::u32string_view text);

std::vector<std::u32string_view> Split(std::u32string_view text, std::u32string_view by);
std::string Replaced(std::string_view text, char what);  // without this character

int64_t CountWords(std::u32string_view text);  // runs of word characters
// Words in capitals as the Penn Treebank parts words: punctuation and contractions stand apart, hyphens
// do not.
int64_t CountCapitalWords(std::u32string_view text);
// Sentences end at . ! ? before white space or a bracket, quotation mark or the like, but not after
// abbreviations, initials and numbers that go on. Line breaks end none.
int64_t CountSentences(std::u32string_view text);

}  // namespace rlvr
#endif  // RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_TEXT_H_
