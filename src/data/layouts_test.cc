// Rows of public data sets (tests/reference/prompts has the first of each) and what they become.
#include "data/layouts.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/jsonl.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

std::unique_ptr<PromptSource> Open(const std::string& name, const PromptFileSettings& s = {}) {
  return OpenPrompts(RLVR_SOURCE_DIR "/tests/reference/prompts/" + name, Split::kTrain, 0, s);
}

Prompt Parse(const std::string& row, const PromptFileSettings& settings = {}) {
  const Json json = Json::parse(row);
  return RowLayout(json, settings, "stem", "f:1").Parse(json, "f:1", 0);
}

std::string MessageOf(const std::string& row, const PromptFileSettings& settings = {}) {
  try {
    Parse(row, settings);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Layouts, Gsm8k) {
  const auto data = Open("gsm8k.jsonl");
  EXPECT_EQ(data->layout(), "GSM8K (question, answer after ####)");
  const Prompt p = data->Get(0);
  EXPECT_EQ(p.data_source, "openai/gsm8k");
  EXPECT_EQ(p.messages[0].second.substr(0, 21), "Natalia sold clips to");
  EXPECT_EQ(p.ground_truth, "72");
  EXPECT_EQ(p.target.substr(0, 17), "Natalia sold 48/2");
  EXPECT_EQ(data->Get(3).ground_truth, "1080");  // #### 1,080
}

TEST(Layouts, Math) {
  const auto data = Open("math.jsonl"), math500 = Open("math500.jsonl");
  EXPECT_EQ(data->Get(0).ground_truth, "2");
  EXPECT_EQ(data->Get(0).data_source, "lighteval/MATH");
  EXPECT_EQ(Json::parse(data->Get(0).extra_info)["subject"], "Algebra");
  EXPECT_EQ(Json::parse(data->Get(0).extra_info)["level"], "Level 3");
  EXPECT_EQ(math500->layout(), "MATH (problem, answer)");
  EXPECT_EQ(math500->Get(0).ground_truth, "\\left( 3, \\frac{\\pi}{2} \\right)");
  EXPECT_EQ(Json::parse(math500->Get(0).extra_info)["id"], "test/precalculus/807.json");
  const auto boxed = [](const std::string& solution) {
    return Parse(Json{{"problem", "p"}, {"level", "Level 1"}, {"solution", solution}}.dump())
        .ground_truth;
  };
  EXPECT_EQ(boxed("$\\boxed{1}$ or $\\boxed{\\{x: \\frac{1}{2}\\}}$"), "\\{x: \\frac{1}{2}\\}");
  EXPECT_EQ(boxed("so $\\boxed 5$."), "5");
  EXPECT_EQ(boxed("so $\\fbox{7}$."), "7");
  EXPECT_NE(MessageOf(R"({"problem": "p", "level": "Level 1", "solution": "\\boxed{1"})")
                .find("f:1: column 'solution' has no \\boxed answer"),
            std::string::npos);
}

TEST(Layouts, CompetitionsAndOthers) {
  const auto aime = Open("aime2024.jsonl");
  EXPECT_EQ(aime->layout(), "AIME (problem, answer)");
  EXPECT_EQ(aime->Get(0).data_source, "aime2024");
  EXPECT_EQ(aime->Get(0).ground_truth, "204");
  EXPECT_EQ(Parse(R"({"ID": "2024-I-4", "Problem": "p", "Answer": "025"})").ground_truth, "25");
  EXPECT_EQ(Parse(R"({"Problem": "p", "Answer": 33})").ground_truth, "33");
  EXPECT_EQ(Open("minerva_math.jsonl")->Get(0).ground_truth, "1.6");
  EXPECT_EQ(Open("minerva_math.jsonl")->Get(0).data_source, "minerva_math");
  const auto svamp = Open("svamp.jsonl");
  EXPECT_EQ(svamp->Get(0).ground_truth, "145");
  EXPECT_TRUE(svamp->Get(0).messages[0].second.ends_with(
      "into 93 groups. How big is each group of bananas?"));
  const auto olympiad = Open("olympiadbench.jsonl");
  EXPECT_EQ(olympiad->Get(0).ground_truth, "2");
  EXPECT_EQ(olympiad->Get(1).ground_truth, "$(1,8,19), (2,7,13), (4,5,7)$");
  EXPECT_EQ(Json::parse(olympiad->Get(0).extra_info)["subject"], "Combinatorics");
  EXPECT_EQ(
      Parse(R"({"question": "q", "final_answer": ["69", "84"], "context": "c"})").ground_truth,
      "69, 84");
  const auto limr = Open("prompt_answer.jsonl");
  EXPECT_EQ(limr->Get(0).ground_truth, "118");
  EXPECT_EQ(limr->Get(0).data_source, "math");
}

TEST(Layouts, Ifeval) {
  const Prompt p =
      Parse(R"({"key": 7, "prompt": "Say it.", "instruction_id_list": ["punctuation:no_comma"],)"
            R"( "kwargs": [{"num_words": null}]})");
  EXPECT_EQ(p.data_source, "ifeval");
  EXPECT_EQ(p.messages[0].second, "Say it.");
  EXPECT_EQ(p.ground_truth,
            R"({"instruction_id_list":["punctuation:no_comma"],"kwargs":[{"num_words":null}]})");
  EXPECT_EQ(Json::parse(p.extra_info)["id"], 7);
}

TEST(Layouts, Countdown) {
  const Prompt p = Parse(R"({"target": 98, "nums": [44, 19, 35]})");
  EXPECT_EQ(p.data_source, "countdown");
  EXPECT_EQ(p.ground_truth, R"({"target":98,"numbers":[44,19,35]})");
  EXPECT_NE(p.messages[0].second.find("44"), std::string::npos);
  EXPECT_NE(MessageOf(R"({"target": "x", "nums": [1]})").find("f:1: "), std::string::npos);
}

TEST(Layouts, VerlsColumns) {
  const auto data = Open("verl.jsonl");
  EXPECT_EQ(data->layout(), "verl's columns (prompt, reward_model)");
  EXPECT_EQ(data->Get(0).ground_truth, "72");
  const Prompt p = Parse(R"({"prompt": "2+2?", "reward_model": {"ground_truth": 4.0},
                             "data_source": null, "extra_info": null})");
  EXPECT_EQ(p.ground_truth, "4");
  EXPECT_EQ(p.data_source, "");
  EXPECT_NE(MessageOf(R"({"prompt": "2+2?", "reward_model": {"ground_truth": null}})")
                .find("f:1: reward_model: column 'ground_truth' is null"),
            std::string::npos);
}

TEST(Layouts, InstructionAndSystem) {
  const PromptFileSettings settings = {.instruction = "Answer in \\boxed{}.", .system = "Think."};
  const Prompt p = Open("gsm8k.jsonl", settings)->Get(0);
  ASSERT_EQ(p.messages.size(), 2u);
  EXPECT_EQ(p.messages[0], (std::pair<std::string, std::string>("system", "Think.")));
  EXPECT_TRUE(p.messages[1].second.ends_with("in April and May? Answer in \\boxed{}."));
  // One that is there is replaced; an instruction that is there is not repeated.
  const Prompt q = Parse(R"({"prompt": [{"role": "system", "content": "Hi."},
      {"role": "user", "content": "1+1? Answer in \\boxed{}."}], "ground_truth": "2"})",
                         settings);
  ASSERT_EQ(q.messages.size(), 2u);
  EXPECT_EQ(q.messages[0].second, "Think.");
  EXPECT_EQ(q.messages[1].second, "1+1? Answer in \\boxed{}.");
}

TEST(Layouts, ColumnsByName) {
  const PromptFileSettings both = {.prompt_column = "input", .answer_column = "output"};
  const Prompt p = Parse(R"({"input": "1+1?", "output": 2})", both);
  EXPECT_EQ(p.messages[0].second, "1+1?");
  EXPECT_EQ(p.ground_truth, "2");
  EXPECT_EQ(p.data_source, "stem");
  EXPECT_EQ(Parse(R"({"input": "1+1?", "reward_model": {"ground_truth": "2"}})",
                  {.prompt_column = "input"})
                .ground_truth,
            "2");
  EXPECT_EQ(Parse(R"({"input": "1+1?", "output": 2, "kind": "sums"})",
                  {.prompt_column = "input", .answer_column = "output", .source_column = "kind"})
                .data_source,
            "sums");
  EXPECT_NE(MessageOf(R"({"inputs": "1+1?", "output": 2})", both)
                .find("f:1: has no column 'input' (did you mean 'inputs'?)"),
            std::string::npos)
      << MessageOf(R"({"inputs": "1+1?", "output": 2})", both);
}

TEST(Layouts, UnknownColumnsAreListed) {
  const std::string message = MessageOf(R"({"promt": "x", "label": 1})");
  EXPECT_EQ(message.find("f:1: has no column 'prompt', and the layout of its columns is not known: "
                         "promt, label"),
            0u)
      << message;
  EXPECT_NE(message.find("data.columns"), std::string::npos);
}

// Every row is read when the file is opened, by the layout of the first.
TEST(Layouts, ALaterRowThatIsOtherwiseIsNamed) {
  const Json first = Json::parse(R"({"question": "q", "answer": "#### 1"})");
  const RowLayout layout(first, {}, "stem", "f:1");
  try {
    layout.Parse(Json::parse(R"({"question": "q", "answer": "one"})"), "f:2", 1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("f:2: column 'answer' has no '####'"), 0u) << e.what();
  }
}

}  // namespace
}  // namespace rlvr
