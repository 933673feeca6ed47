// Letters whose other case is more than one letter, and what Greek's final sigma looks past.
#ifndef RLVR_TEXT_JINJA_SPECIAL_CASE_H_
#define RLVR_TEXT_JINJA_SPECIAL_CASE_H_
#include <cstdint>
#include <string_view>

namespace rlvr::jinja {

// Empty: it is one letter, which utf8proc knows.
std::string_view SpecialUpper(int32_t point);
std::string_view SpecialTitle(int32_t point);
bool IsCaseIgnorable(int32_t point);

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_SPECIAL_CASE_H_
