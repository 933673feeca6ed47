// A method in plain text, from the lists that read recipes: `rlvr explain`.
#ifndef RLVR_OBJECTIVE_EXPLAIN_H_
#define RLVR_OBJECTIVE_EXPLAIN_H_
#include <string>
#include <utility>
#include <vector>

#include "objective/objective.h"

namespace rlvr {

// Symbols of a formula that this program's documents use, with their meaning: ("r_t", "exp(...").
std::vector<std::pair<std::string, std::string>> SymbolsOf(const std::string& formula);

// "the reference model's log-probs", ...; empty if log-prob and entropy are enough.
std::vector<std::string> DescribeNeeds(const Needs& needs);

// Formula, symbols, parameters, source, stage, needs, and what DAPO has in its place. A name that
// several stages have gives all of them; an unknown one gives "".
std::string ExplainMethod(const std::string& name);

}  // namespace rlvr
#endif  // RLVR_OBJECTIVE_EXPLAIN_H_
