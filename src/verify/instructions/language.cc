#include "verify/instructions/language.h"

#include <cld2/public/compact_lang_det.h>

#include <algorithm>
#include <limits>
#include <set>

#include "verify/instructions/instruction_text.h"

namespace rlvr {

std::string DetectLanguage(std::string_view text) {
  const std::string valid = Utf8(Characters(text));  // it reads beyond the end of what is no UTF-8
  const int size =
      static_cast<int>(std::min<size_t>(valid.size(), std::numeric_limits<int>::max() / 2));
  bool reliable = false;
  const CLD2::Language language = CLD2::DetectLanguage(valid.data(), size, true, &reliable);
  if (language == CLD2::UNKNOWN_LANGUAGE) return "";
  const std::string code = CLD2::LanguageCode(language);
  if (code == "iw") return "he";
  return code.substr(0, code.find('-'));
}

bool IsKnownLanguage(const std::string& code) {
  static const std::set<std::string> known = {
      "ar", "bg", "bn", "de", "en", "es", "fa", "fi", "fr", "gu", "he", "hi", "it", "ja", "kn",
      "ko", "ml", "mr", "ne", "pa", "pl", "pt", "ru", "sw", "ta", "te", "th", "uk", "ur", "vi"};
  return known.count(code) != 0;
}

}  // namespace rlvr
