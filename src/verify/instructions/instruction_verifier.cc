#include "verify/instructions/instruction_verifier.h"

#include <fmt/format.h>

#include "base/error.h"
#include "verify/instructions/instruction.h"

namespace rlvr {
namespace {

class InstructionVerifier : public Verifier {
 public:
  explicit InstructionVerifier(bool loose) : loose_(loose) {}

  Judgement Judge(std::string_view response, std::string_view ground_truth) const override {
    try {
      size_t followed = 0;
      std::string first;
      const auto instructions = ParseInstructions(ground_truth, "ground_truth");
      for (const Instruction& instruction : instructions) {
        if (Follows(instruction, response, loose_))
          ++followed;
        else if (first.empty())
          first = instruction.id;
      }
      const bool all = followed == instructions.size();
      Judgement j{
          all ? Verdict::kRight : Verdict::kWrong, "",
          all ? fmt::format("follows {} instructions", followed) : "does not follow " + first};
      j.metrics = {{"instructions_followed",
                    static_cast<double>(followed) / static_cast<double>(instructions.size())}};
      return j;
    } catch (const Error& error) {
      return {Verdict::kBroken, "", error.what()};
    }
  }

  Judgement JudgePrompt(const JudgedPrompt& prompt, std::string_view response) const override {
    const bool in_extra = prompt.ground_truth.find("instruction_id") == std::string::npos;
    return Judge(response, in_extra ? prompt.extra_info : prompt.ground_truth);
  }

 private:
  bool loose_;
};

}  // namespace

std::unique_ptr<Verifier> MakeInstructionVerifier(bool loose) {
  return std::make_unique<InstructionVerifier>(loose);
}

}  // namespace rlvr
