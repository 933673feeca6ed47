#include "env/tool.h"

#include <gtest/gtest.h>

namespace rlvr {
namespace {

TEST(Tool, Calculates) {
  EXPECT_EQ(Calculate("3*4"), "12");
  EXPECT_EQ(Calculate("(1+2)/6"), "1/2");
  EXPECT_EQ(Calculate("-2*(3-5)"), "4");
  EXPECT_EQ(Calculate("0.1+0.2"), "3/10");  // exact
  EXPECT_EQ(Calculate("12.50*4"), "50");
  EXPECT_EQ(Calculate("7"), "7");
  for (const char* bad : {"1/0", "", "3*", "2**3", "1.2.3", "os.exit()", ".", "1.", "(1"})
    EXPECT_TRUE(Calculate(bad).starts_with("error: ")) << bad << " " << Calculate(bad);
  EXPECT_TRUE(Calculate(std::string(5000, '1')).starts_with("error: "));
}

TEST(Tool, FindsCalls) {
  const auto calls = ToolCallsIn(
      R"(First <tool_call>
{"name": "calculator", "arguments": {"expression": "3*4"}}
</tool_call> then <tool_call>{"name": "search", "arguments": {}}</tool_call><tool_call>nonsense</tool_call>)"
      R"(<tool_call>{"name": "calculator", "arguments": {"x": 1}}</tool_call><tool_call>{"name": "calc)");
  ASSERT_EQ(calls.size(), 5u);
  EXPECT_EQ(calls[0].expression, "3*4");
  EXPECT_EQ(calls[0].fault, "");
  EXPECT_EQ(calls[1].fault, "error: there is no tool 'search', only calculator");
  EXPECT_TRUE(calls[2].fault.starts_with("error: a tool call is a JSON object"));
  EXPECT_TRUE(calls[3].fault.starts_with("error: calculator needs"));
  EXPECT_EQ(calls[4].fault, "error: the tool call is not closed by </tool_call>");
  EXPECT_TRUE(ToolCallsIn("No call. </tool_call>").empty());
}

TEST(Tool, AConversation) {
  const ConfigNode node = ParseConfig("{name: tool, max_calls: 2}", "test");
  const auto maker = MakeEnvironment(&node, {});
  const auto environment = maker->Make();
  Prompt prompt;
  prompt.messages = {{"user", "What is 3*4+1?"}};
  prompt.ground_truth = "13";
  const auto opening = environment->Reset(prompt, RandomKey(1), RandomKey(2));
  ASSERT_EQ(opening.size(), 2u);
  EXPECT_EQ(opening[0].role, "system");
  EXPECT_NE(opening[0].content.find(R"("name": "calculator")"), std::string::npos);
  EXPECT_EQ(opening[1].content, "What is 3*4+1?");

  const auto call = [](const std::string& expression) {
    return R"(<tool_call>{"name": "calculator", "arguments": {"expression": ")" + expression +
           R"("}}</tool_call>)";
  };
  Reply reply = environment->Step({.text = call("3*4") + call("1/0")});
  EXPECT_FALSE(reply.done);
  ASSERT_EQ(reply.messages.size(), 2u);
  EXPECT_EQ(reply.messages[0].role, "tool");
  EXPECT_EQ(reply.messages[0].content, "12");
  EXPECT_TRUE(reply.messages[1].content.starts_with("error: "));
  reply = environment->Step({.text = call("12+1")});
  EXPECT_EQ(reply.messages[0].content, "error: no calls are left, answer now");
  reply = environment->Step({.text = "<tool_call>12+1</tool_call>"});
  EXPECT_FALSE(reply.done);
  reply = environment->Step({.text = "Answer: 13"});
  EXPECT_TRUE(reply.done);
  EXPECT_TRUE(reply.outcome.right);
  const ConversationResult result = environment->End(Finish::kStop);
  EXPECT_EQ(result.verdict, Verdict::kRight);
  EXPECT_EQ(result.score, 1.f);
  EXPECT_EQ(result.metrics.at("turns"), 4);
  EXPECT_EQ(result.metrics.at("tool_calls"), 2);
  EXPECT_EQ(result.metrics.at("malformed_calls"), 1);
  EXPECT_EQ(result.metrics.at("failed_calls"), 2);
}

TEST(Tool, CutOffWithinCallsItIsWrong) {
  const ConfigNode node = ParseConfig("{name: tool, describe: false}", "test");
  const auto maker = MakeEnvironment(&node, {});
  const auto environment = maker->Make();
  Prompt prompt;
  prompt.messages = {{"user", "1?"}};
  EXPECT_EQ(environment->Reset(prompt, RandomKey(1), RandomKey(2)).size(), 1u);
  environment->Step({.text = "<tool_call>"});
  EXPECT_EQ(environment->End(Finish::kLength).verdict, Verdict::kWrong);
}

}  // namespace
}  // namespace rlvr
