// The language of a text, by Compact Language Detector 2.
#ifndef RLVR_VERIFY_INSTRUCTIONS_LANGUAGE_H_
#define RLVR_VERIFY_INSTRUCTIONS_LANGUAGE_H_
#include <string>
#include <string_view>

namespace rlvr {

// ISO 639-1 ("en", "he", "zh"); empty: too little text to tell.
std::string DetectLanguage(std::string_view utf8);
bool IsKnownLanguage(const std::string& code);  // of those that IFEval has

}  // namespace rlvr
#endif  // RLVR_VERIFY_INSTRUCTIONS_LANGUAGE_H_
