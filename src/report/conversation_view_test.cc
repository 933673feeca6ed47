#include "report/conversation_view.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace rlvr {
namespace {

const char kLine[] =
    R"({"type": "sharded", "prompt_index": 5, "sample": 1, "num_shards": 3, "ground_truth": "12", )"
    R"("answer": "7", "verdict": "wrong", "finish": "stop", "score": 0, "turns": [)"
    R"({"role": "user", "content": "how <many> apples?", "shard": 1}, )"
    R"({"role": "assistant", "content": "Answer: 7", "strategy": "answer_attempt", )"
    R"("illocution": "underspecified", "right": false, "reward": -0.5, "finish": "stop", )"
    R"("tokens": ["Answer:", " 7"], "logp": [-0.25, -1.5], "entropy": [0.75, 0.5]}, )"
    R"({"role": "user", "content": "Tom has 5."}, )"
    R"({"role": "assistant", "content": "", "strategy": "missing", "illocution": "specified", )"
    R"("right": false, "reward": 0, "finish": "length", "tokens": [], "logp": [], "entropy": []}]})";

TEST(ConversationView, TurnsInOrderWithWhatWasMadeOfThem) {
  const std::string path = testing::TempDir() + "talk.jsonl";
  WriteFileAtomically(path, std::string(kLine) + "\n{\"step\": 1}\n");
  const auto conversations = ReadConversations(path);
  ASSERT_EQ(conversations.size(), 1u);  // the other line has no turns
  ASSERT_EQ(conversations[0].turns.size(), 4u);
  EXPECT_EQ(conversations[0].turns[1].reward, -0.5);
  EXPECT_EQ(conversations[0].turns[1].logp, (std::vector<double>{-0.25, -1.5}));

  const std::string html = ReadFile(WriteConversations(path));
  size_t at = 0;
  for (const char* part : {"ground truth <b>12</b>", "shard 1 of 3", "how &lt;many&gt; apples?",
                           "turn 1", "answer attempt, wrong", "premature", "asked: underspecified",
                           "reward -0.5", "data-t=\"-1.5|0.5\"> 7</i>", "Tom has 5.", "turn 2",
                           "missing", "cut off", "<em>nothing</em>"}) {
    const size_t found = html.find(part, at);
    ASSERT_NE(found, std::string::npos) << part << "\n" << html.substr(at);
    at = found;
  }
  EXPECT_EQ(html.find("<many>"), std::string::npos);
  EXPECT_EQ(html.find("http"), html.find("http-equiv"));
  EXPECT_TRUE(WriteConversations(path).ends_with("talk.html"));
}

// As training writes them: the tokens of all turns in one list, the template's markers in the text.
TEST(ConversationView, ReadsLinesOfRollouts) {
  const std::string path = testing::TempDir() + "step_000001.jsonl";
  WriteFileAtomically(
      path,
      R"({"step": 1, "prompt_index": 3, "occurrence": 0, "sample": 2, )"
      R"("prompt": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n", )"
      R"("response": "abc", "ground_truth": "1", "answer": "1", "verdict": "right", "finish": "stop", )"
      R"("score": 1, "reward": 1.5, "advantage": [0.5, 0.5, -1], "turns": [)"
      R"({"author": "policy", "text": "ab", "num_tokens": 2, "reward": 0.5, )"
      R"("illocution": "underspecified", "strategy": "clarification", "right": false}, )"
      R"({"author": "environment", "text": "\n<|im_start|>user\nTwo\nmore.<|im_end|>\n<|im_start|>assistant\n", "num_tokens": 0}, )"
      R"({"author": "policy", "text": "c", "num_tokens": 1, "reward": 0, )"
      R"("illocution": "specified", "strategy": "answer_attempt", "right": true}], )"
      R"("tokens": ["a", "b", "c"], "logp": [-0.1, -0.2, -0.3], "entropy": [0.1, 0.2, 0.3]})"
      "\n");
  const auto conversations = ReadConversations(path);
  ASSERT_EQ(conversations.size(), 1u);
  const auto& turns = conversations[0].turns;
  ASSERT_EQ(turns.size(), 5u);
  EXPECT_EQ(turns[0].role, "system");
  EXPECT_EQ(turns[1].content, "How many?");
  EXPECT_EQ(turns[2].tokens, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(turns[2].strategy, "clarification");
  EXPECT_EQ(turns[2].advantage, (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(turns[3].role, "user");
  EXPECT_EQ(turns[3].content, "Two\nmore.");
  EXPECT_EQ(turns[4].logp, (std::vector<double>{-0.3}));
  EXPECT_TRUE(turns[4].right);
}

TEST(ConversationView, RightAndWrongOfEveryTypeOfAnInstruction) {
  std::vector<ConversationRecord> conversations;
  for (const char* type : {"full", "sharded"}) {
    for (int i = 0; i < 4; ++i) {
      ConversationRecord c;
      c.type = type;
      c.prompt_index = 2;
      c.sample = i;
      c.verdict = i == 3 ? "right" : "wrong";
      conversations.push_back(c);
    }
  }
  const std::string html = ConversationsHtml(conversations, 1, 2);
  const auto count = [&](const std::string& part) {
    int n = 0;
    for (size_t at = html.find(part); at != std::string::npos; at = html.find(part, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count("<article"), 1);
  EXPECT_EQ(count("verdict right"), 2);  // one of each type
  EXPECT_EQ(count("verdict wrong"), 2);
  EXPECT_EQ(count("sample 3"), 2);
}

TEST(ConversationView, DamageNamesFileAndLine) {
  const std::string path = testing::TempDir() + "talk.jsonl";
  const auto fails_with = [&](const std::string& from, const std::string& to,
                              const std::string& message) {
    std::string line = kLine;
    line.replace(line.find(from), from.size(), to);
    WriteFileAtomically(path, line + "\n");
    try {
      ReadConversations(path);
      FAIL() << message;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
    }
  };
  fails_with("[-0.25, -1.5]", "[-0.25]", "talk.jsonl:1: 'logp' is not as long as 'tokens'");
  fails_with("\"right\": false", "\"right\": 3", "talk.jsonl:1: 'right' is not true or false");
  fails_with("\"role\": \"user\", \"content\"", "\"content\"", "talk.jsonl:1: 'role' is missing");
  WriteFileAtomically(path, "{\"step\": 1}\n");
  EXPECT_THROW(WriteConversations(path), Error);
}

}  // namespace
}  // namespace rlvr
