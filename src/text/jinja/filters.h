// The tables of filters: of text and single values here, of lists in filters_list.cc.
#ifndef RLVR_TEXT_JINJA_FILTERS_H_
#define RLVR_TEXT_JINJA_FILTERS_H_
#include <string>
#include <unordered_map>

#include "text/jinja/interpreter.h"

namespace rlvr::jinja {

using Filter = Value (*)(Interpreter&, const Value&, const Arguments&);

const std::unordered_map<std::string, Filter>& TextFilters();
const std::unordered_map<std::string, Filter>& ListFilters();

// The string of a value that a filter of text is given. Throws Failure for what has none.
Text FilteredText(Interpreter& in, const Value& value);

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_FILTERS_H_
