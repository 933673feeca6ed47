// Oniguruma's syntax of regular expressions -> PCRE2's, where they differ.
#ifndef RLVR_TEXT_TOKENIZER_PATTERN_SYNTAX_H_
#define RLVR_TEXT_TOKENIZER_PATTERN_SYNTAX_H_
#include <string>

namespace rlvr {

// Throws Error at `place` where a construct would mean something else and is not translated.
std::string TranslatePattern(const std::string& text, const std::string& place);

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_PATTERN_SYNTAX_H_
