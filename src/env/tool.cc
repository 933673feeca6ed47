#include "env/tool.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "env/judge.h"
#include "verify/verify.h"

namespace rlvr {
namespace {

constexpr std::string_view kOpen = "<tool_call>", kClose = "</tool_call>";
constexpr size_t kLongestExpression = 1000;

// How Qwen's chat template tells of tools.
constexpr std::string_view kToolDescription =
    R"(# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{"type": "function", "function": {"name": "calculator", "description": "The exact value of an arithmetic expression", "parameters": {"type": "object", "properties": {"expression": {"type": "string", "description": "Numbers, + - * / and parentheses"}}, "required": ["expression"]}}}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>)";

ToolCall ParseCall(std::string_view body) {
  const auto fault = [](std::string text) { return ToolCall{"", "", "error: " + text}; };
  const auto call = nlohmann::json::parse(body, nullptr, false);
  if (!call.is_object() || !call.contains("name") || !call["name"].is_string())
    return fault(R"(a tool call is a JSON object {"name": ..., "arguments": {...}})");
  ToolCall made;
  made.name = call["name"].get<std::string>();
  if (made.name != "calculator")
    return fault("there is no tool '" + made.name + "', only calculator");
  const auto arguments = call.find("arguments");
  if (arguments == call.end() || !arguments->is_object() || !arguments->contains("expression") ||
      !(*arguments)["expression"].is_string())
    return fault(R"(calculator needs "arguments": {"expression": "3*4"})");
  made.expression = (*arguments)["expression"].get<std::string>();
  return made;
}

// 1.25 -> (125/100): the exact value of a decimal number.
std::string WithoutDecimals(const std::string& expression) {
  const auto digit = [&](size_t at) {
    return at < expression.size() && expression[at] >= '0' && expression[at] <= '9';
  };
  std::string out;
  for (size_t i = 0; i < expression.size();) {
    size_t whole = i;
    while (digit(whole)) ++whole;
    size_t end = whole + 1;
    while (digit(end)) ++end;
    if (whole < expression.size() && expression[whole] == '.' && end > whole + 1) {
      out += "(" + expression.substr(i, whole - i) + expression.substr(whole + 1, end - whole - 1) +
             "/1" + std::string(end - whole - 1, '0') + ")";
      i = end;
    } else {
      const size_t next = std::max(whole, i + 1);
      out += expression.substr(i, next - i);
      i = next;
    }
  }
  return out;
}

class ToolConversation : public Environment {
 public:
  ToolConversation(const ToolSettings& settings, AttemptJudge* judge)
      : settings_(settings), judge_(*judge) {}

  std::vector<Message> Reset(const Prompt& prompt, RandomKey, RandomKey) override {
    prompt_ = prompt;
    std::vector<Message> messages;
    for (const auto& [role, content] : prompt.messages) messages.push_back({role, content});
    if (!settings_.describe) return messages;
    if (messages.empty() || messages[0].role != "system") {
      messages.insert(messages.begin(), {"system", std::string(kToolDescription)});
    } else {
      messages[0].content += "\n\n" + std::string(kToolDescription);
    }
    return messages;
  }

  Reply Step(const PolicyTurn& turn) override {
    Reply reply;
    reply.outcome.illocution = Illocution::kSpecified;
    ++turns_;
    const std::vector<ToolCall> calls = ToolCallsIn(turn.text);
    if (calls.empty()) {
      const TurnReading reading = ReadTurn(turn.text);  // by rules, also where a judge is set
      judged_ = judge_.Judge(prompt_, turn.text, reading);
      reply.outcome.strategy = reading.strategy;
      reply.outcome.right = judged_.verdict == Verdict::kRight;
      reply.done = true;
      return reply;
    }
    for (const ToolCall& call : calls) reply.messages.push_back({"tool", Answer(call)});
    return reply;
  }

  ConversationResult End(Finish) override {
    ConversationResult result;
    result.verdict = judged_.verdict;
    result.answer = judged_.answer;
    result.score = judge_.Score(judged_.verdict);
    result.metrics = {{"turns", turns_},
                      {"tool_calls", calls_},
                      {"malformed_calls", malformed_},
                      {"failed_calls", failed_}};
    return result;
  }

 private:
  std::string Answer(const ToolCall& call) {
    if (!call.fault.empty()) {
      ++malformed_;
      return call.fault;
    }
    if (calls_ == settings_.max_calls) {
      ++failed_;
      return "error: no calls are left, answer now";
    }
    ++calls_;
    std::string result = Calculate(call.expression);
    failed_ += result.starts_with("error") ? 1 : 0;
    return result;
  }

  const ToolSettings& settings_;
  AttemptJudge& judge_;
  Prompt prompt_;
  Judgement judged_;  // no answer, wrong, until there is a turn without calls
  int turns_ = 0, calls_ = 0, malformed_ = 0, failed_ = 0;
};

class ToolMaker : public EnvironmentMaker {
 public:
  ToolMaker(const ToolSettings& settings, const EnvironmentServices& services)
      : settings_(settings), judge_(services) {}
  std::unique_ptr<Environment> Make() override {
    return std::make_unique<ToolConversation>(settings_, &judge_);
  }

 private:
  const ToolSettings settings_;
  AttemptJudge judge_;
};

}  // namespace

std::vector<ToolCall> ToolCallsIn(std::string_view text) {
  std::vector<ToolCall> calls;
  for (size_t at = text.find(kOpen); at != std::string_view::npos; at = text.find(kOpen, at)) {
    at += kOpen.size();
    const size_t end = text.find(kClose, at);
    if (end == std::string_view::npos) {
      calls.push_back({"", "", "error: the tool call is not closed by </tool_call>"});
      break;
    }
    calls.push_back(ParseCall(text.substr(at, end - at)));
    at = end + kClose.size();
  }
  return calls;
}

std::string Calculate(const std::string& expression) {
  if (expression.size() > kLongestExpression) return "error: the expression is too long";
  const std::optional<ExpressionValue> value = EvaluateExpression(WithoutDecimals(expression));
  if (!value) return "error: this is no arithmetic expression that can be computed: " + expression;
  std::string text = std::to_string(value->numerator);
  if (value->denominator != 1) text += "/" + std::to_string(value->denominator);
  return text;
}

std::unique_ptr<EnvironmentMaker> MakeTool(const ToolSettings& settings,
                                           const EnvironmentServices& services) {
  return std::make_unique<ToolMaker>(settings, services);
}

}  // namespace rlvr
