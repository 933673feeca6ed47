// The metrics against test cases of huggingface/lighteval (MIT; tests/reference/metrics), in which an
// answer is right if it is the gold text.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "eval/coverage.h"
#include "eval/eval.h"
#include "eval/subjects.h"

namespace rlvr {
namespace {

using Json = nlohmann::json;

Json Cases(const std::string& name) {
  std::ifstream file(std::string(RLVR_SOURCE_DIR) + "/tests/reference/metrics/" + name + ".json");
  return Json::parse(file)["test_cases"];
}

struct Case {
  std::vector<std::string> answers;
  std::string gold;
  int64_t k = 0;
  // Of the first n answers.
  int64_t Right(size_t n) const {
    int64_t right = 0;
    for (size_t i = 0; i < n; ++i) right += answers.at(i) == gold;
    return right;
  }
};

Case Read(const Json& json) {
  // Of several golds upstream's scorer looks at the first.
  const Json& index = json["doc"]["gold_index"];
  const auto gold = (index.is_array() ? index[0] : index).get<size_t>();
  return {.answers = json["model_response"]["text"],
          .gold = json["doc"]["choices"][gold],
          .k = json["metric_params"]["k"]};
}

TEST(Metrics, PassAtK) {
  for (const char* suite : {"pass_at_k", "pass_at_k_math"}) {
    const Json cases = Cases(suite);
    ASSERT_EQ(cases.size(), 3u);
    for (const Json& json : cases) {
      const Case c = Read(json);
      const auto n = json["metric_params"]["n"].get<int64_t>();
      const double want = json["expected_output"].begin()->get<double>();
      EXPECT_NEAR(PassAtK(n, c.Right(static_cast<size_t>(n)), c.k), want, json["tolerance"])
          << json["name"];
    }
  }
}

TEST(Metrics, GPassAtK) {
  const Json cases = Cases("g_pass_at_k");
  ASSERT_EQ(cases.size(), 10u);
  for (const Json& json : cases) {
    const Case c = Read(json);
    const auto n = json["metric_params"]["n"].get<int64_t>();
    const int64_t right = c.Right(static_cast<size_t>(n));
    for (const auto& [name, want] : json["expected_output"].items()) {
      const double got = name.starts_with("mg-")
                             ? MeanGPassAtK(n, right, c.k)
                             : GPassAtK(n, right, c.k, std::stod(name.substr(name.find('_') + 1)));
      EXPECT_NEAR(got, want.get<double>(), 1e-9) << json["name"] << " " << name;
    }
  }
}

TEST(Metrics, AverageAtK) {
  for (const char* suite : {"avg_at_k", "avg_at_k_math"}) {
    const Json cases = Cases(suite);
    ASSERT_EQ(cases.size(), 3u);
    for (const Json& json : cases) {
      const Case c = Read(json);
      // avg@k is pass@1 of k samples.
      EXPECT_NEAR(PassAtK(c.k, c.Right(static_cast<size_t>(c.k)), 1),
                  json["expected_output"].begin()->get<double>(), json["tolerance"])
          << json["name"];
    }
  }
}

TEST(Metrics, MajorityAtK) {
  const Json cases = Cases("maj_at_k");
  ASSERT_EQ(cases.size(), 4u);
  for (const Json& json : cases) {
    const Case c = Read(json);
    const int64_t vote = MajorityVote(c.answers);
    ASSERT_GE(vote, 0);
    EXPECT_EQ(c.answers[static_cast<size_t>(vote)] == c.gold ? 1 : 0,
              json["expected_output"].begin()->get<int>())
        << json["name"];
  }
}

// Against every subset of k samples.
TEST(Metrics, GPassIsAShareOfSubsets) {
  const int64_t n = 7, c = 4;
  for (int64_t k = 1; k <= n; ++k) {
    for (const double threshold : {0.0, 0.3, 0.5, 0.8, 1.0}) {
      int64_t all = 0, enough = 0;
      for (int subset = 0; subset < 1 << n; ++subset) {
        if (__builtin_popcount(static_cast<unsigned>(subset)) != k) continue;
        const int right = __builtin_popcount(static_cast<unsigned>(subset) & ((1u << c) - 1));
        ++all;
        enough += right >= 1 && right >= threshold * static_cast<double>(k) - 1e-9;
      }
      EXPECT_NEAR(GPassAtK(n, c, k, threshold),
                  static_cast<double>(enough) / static_cast<double>(all), 1e-12);
    }
  }
}

TEST(Subjects, SubjectTypeLevelOrSource) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(SubjectsOf({.extra_info = R"({"subject": "Algebra", "level": "Level 4"})"}),
            (Names{"Algebra", "Level 4"}));
  EXPECT_EQ(SubjectsOf({.extra_info = R"({"type": "Geometry", "level": 2})"}),
            (Names{"Geometry", "Level 2"}));
  EXPECT_EQ(SubjectsOf({.data_source = "openai/gsm8k", .extra_info = R"({"index": 7})"}),
            (Names{"openai/gsm8k"}));
  EXPECT_EQ(SubjectsOf({.data_source = "x"}), (Names{"x"}));
}

TEST(Subjects, FiguresOfTheirPrompts) {
  EvalResult r;
  r.k = 4;
  const auto add = [&](const char* subject, int64_t right, bool majority) {
    r.prompts.push_back({.extra_info = std::string(R"({"subject": ")") + subject + "\"}"});
    r.outcomes.push_back({right, majority});
  };
  add("Algebra", 4, true);
  EXPECT_TRUE(BySubject(r, 0).empty());  // one subject is the whole
  add("Geometry", 1, false);
  add("Algebra", 2, true);
  add("Algebra", 0, false);
  const auto rows = BySubject(r, 0);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "Algebra");
  EXPECT_EQ(rows[0].num_prompts, 3);
  EXPECT_NEAR(rows[0].avg_at_k.mean, 0.5, 1e-12);
  EXPECT_NEAR(rows[0].pass_at_k.mean, 2.0 / 3, 1e-12);
  EXPECT_NEAR(rows[0].maj_at_k.mean, 2.0 / 3, 1e-12);
  EXPECT_LE(rows[0].avg_at_k.low, 0.5);
  EXPECT_EQ(rows[1].name, "Geometry");
  EXPECT_NEAR(rows[1].avg_at_k.mean, 0.25, 1e-12);
  EXPECT_EQ(rows[1].maj_at_k.high, 0);
}

}  // namespace
}  // namespace rlvr
