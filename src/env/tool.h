// The calculator: an environment in which the policy may call a tool before it answers.
#ifndef RLVR_ENV_TOOL_H_
#define RLVR_ENV_TOOL_H_
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "env/environment.h"

namespace rlvr {

struct ToolSettings {
  bool describe = true;  // the tool in the system's message, in Qwen's words
  int max_calls = 16;    // of one conversation; further calls are told so

  template <class Visitor>
  void Params(Visitor& p) {
    p("describe", describe);
    p("max_calls", max_calls, 1, 1 << 20);
  }
};
std::unique_ptr<EnvironmentMaker> MakeTool(const ToolSettings& settings,
                                           const EnvironmentServices& services);

// One <tool_call>...</tool_call> of a turn.
struct ToolCall {
  std::string name, expression;
  std::string fault;  // empty: a proper call of the calculator; else what the policy is told
};
// All calls of a turn, in order. One that is never closed, no JSON, of an unknown tool or without
// an expression has a fault.
std::vector<ToolCall> ToolCallsIn(std::string_view text);
// "12", "7/3", or "error: ..." for what is no expression.
std::string Calculate(const std::string& expression);

}  // namespace rlvr
#endif  // RLVR_ENV_TOOL_H_
