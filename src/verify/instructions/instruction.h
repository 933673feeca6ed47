// The 25 verifiable instructions of IFEval (arXiv:2311.07911), after the semantics of the authors'
// program (Apache-2.0), which docs/own_reward.md compares with.
#ifndef RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_H_
#define RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_H_
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

struct Instruction {
  std::string id;      // "length_constraints:number_words"
  std::string kwargs;  // JSON object: {"relation": "at least", "num_words": 300}
};

const std::vector<std::string>& InstructionIds();  // sorted

// Of one row: {"instruction_id_list": [...], "kwargs": [{...}, ...]}, or a list that holds one such.
// Throws Error, at `place`, where it is none, or an id or a value is unknown.
std::vector<Instruction> ParseInstructions(std::string_view json, const std::string& place);

// A blank response follows nothing. Loose: one of eight readings does, which leave out asterisks, the
// first line, the last line. Throws Error where kwargs lack something.
bool Follows(const Instruction& instruction, std::string_view response, bool loose);

}  // namespace rlvr
#endif  // RLVR_VERIFY_INSTRUCTIONS_INSTRUCTION_H_
