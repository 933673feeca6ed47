// A method in plain text, from the lists that read recipes: `rlvr explain`.
#ifndef RLVR_OBJECTIVE_EXPLAIN_H_
#define RLVR_OBJECTIVE_EXPLAIN_H_
#include <string>
#include <utility>
#include <vector>

#include "objective/objective.h"

namespace rlvr {

// Symbols of a formula that this program's documents use, with their meaning: ("r_t", "ratio ...").
// One that the formula itself defines on the way ("s_i = exp(...)") is left out.
std::vector<std::pair<std::string, std::string>> SymbolsOf(const std::string& formula);

// "log-probs of the reference model", ...; empty if log-prob and entropy are enough.
std::vector<std::string> DescribeNeeds(const Needs& needs);

// prefix and text, ended by a newline; lines break between words after at most 120 columns and go on
// below the text's beginning.
std::string Wrapped(const std::string& prefix, const std::string& text);

// Formula, symbols, parameters, source, stage, needs, and what DAPO has in its place. A name that
// several stages have gives all of them; an unknown one gives "".
std::string ExplainMethod(const std::string& name);

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_EXPLAIN_H_
