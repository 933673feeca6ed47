#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "report/comparison_report.h"

namespace rlvr {
namespace {

struct Sample {
  int prompt;
  const char* answer;
  bool right;
};

// A finished run of two steps as training leaves it: two samples of each held-out prompt.
void WriteRun(const std::string& folder, const std::string& recipe,
              const std::vector<Sample>& samples, double tokens_per_s, double entropy) {
  MakeDirectories(folder + "/eval");
  WriteFileAtomically(folder + "/recipe.yaml", recipe);
  WriteFileAtomically(folder + "/run.json",
                      R"({"version": "0.1.0", "git_commit": "abc", "isa": "avx2"})");
  WriteFileAtomically(
      folder + "/metrics.jsonl",
      fmt::format("{{\"step\": 0, \"val/avg@2\": 0.5, \"val/entropy\": 0.9}}\n"
                  "{{\"step\": 1, \"actor/entropy\": {0}, \"perf/sampled_tokens_per_s\": {1}, "
                  "\"timing_s/gen\": 0.1, \"timing_s/step\": 2.5, \"perf/trained_tokens\": 70}}\n"
                  "{{\"step\": 2, \"actor/entropy\": {0}, \"perf/sampled_tokens_per_s\": {1}, "
                  "\"timing_s/gen\": 0.1, \"timing_s/step\": 3.5, \"perf/trained_tokens\": 50, "
                  "\"val/entropy\": {0}}}\n",
                  entropy, tokens_per_s));
  for (const auto& [step, mean] : {std::pair{0, 0.375}, std::pair{2, 0.75}}) {
    WriteFileAtomically(fmt::format("{}/eval/step_{:06}.json", folder, step),
                        fmt::format(R"({{"step": {}, "k": 2, "num_prompts": 2,
                        "avg@2": {{"mean": {}, "low": 0.25, "high": 1}},
                        "pass@2": {{"mean": 1, "low": 1, "high": 1}},
                        "maj@2": {{"mean": 1, "low": 1, "high": 1}},
                        "mean_response_length": 12.5, "clip_ratio": 0.25}})",
                                    step, mean));
  }
  std::string lines;
  for (const Sample& s : samples) {
    lines += fmt::format(
        "{{\"step\": 2, \"prompt_index\": {}, \"occurrence\": 0, \"sample\": 0, \"prompt\": \"p\", "
        "\"response\": \"r\", \"ground_truth\": \"5\", \"answer\": \"{}\", \"verdict\": \"{}\", "
        "\"finish\": \"stop\", \"score\": 0, \"reward\": 0, \"tokens\": [], \"logp\": [], "
        "\"entropy\": []}}\n",
        s.prompt, s.answer, s.right ? "right" : "wrong");
  }
  WriteFileAtomically(folder + "/eval/step_000002.jsonl", lines);
}

class ComparisonTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "compare_ab";
    std::filesystem::remove_all(folder_);
    const std::string a =
        "seed: 1\nname: seed_1\nupdate: {lr: 1e-4}\nloss: {name: x<y, eps: 0.2}\n";
    const std::string b = "seed: 1\nname: seed_1\nupdate: {lr: 0.0001}\nloss: {name: z}\n";
    WriteRun(folder_ + "/a/seed_1", a, {{3, "5", 1}, {3, "4", 0}, {7, "5", 1}, {7, "5", 1}}, 1000,
             0.5);
    WriteRun(folder_ + "/a/seed_2", a, {{3, "", 0}, {3, "2", 0}, {7, "9", 0}, {7, "5", 1}}, 1000,
             0.7);
    WriteRun(folder_ + "/b/seed_1", b, {{3, "1", 0}, {3, "4", 0}, {7, "5", 1}, {7, "5", 1}}, 1500,
             0.1);
    WriteRun(folder_ + "/b/seed_2", b, {{3, "1", 0}, {3, "2", 0}, {7, "9", 0}, {7, "8", 0}}, 1500,
             0.3);
    files_ = {.name = "ab",
              .folder = folder_,
              .recipes = {"a", "b"},
              .seeds = {1, 2},
              .notes = {"b: eval.k 4 -> 2"}};
  }
  std::string folder_;
  ComparisonFiles files_;
};

TEST_F(ComparisonTest, HandWorked) {
  const ComparisonResult result = ReadComparison(files_);
  ASSERT_EQ(result.recipes.size(), 2u);
  const RecipeResult &a = result.recipes[0], &b = result.recipes[1];
  EXPECT_EQ(result.k, 2);
  EXPECT_EQ(result.num_prompts, 2);
  EXPECT_EQ(result.steps, 2);
  // Shares of right samples of a by seed and prompt: 1/2, 1; 0, 1/2. Of b: 0, 1; 0, 0.
  EXPECT_EQ(a.avg.mean, 0.5);
  EXPECT_EQ(b.avg.mean, 0.25);
  EXPECT_EQ(a.avg_by_seed, (std::vector<double>{0.75, 0.25}));
  EXPECT_EQ(b.avg_difference.mean, -0.25);  // of -1/2, 0; 0, -1/2
  EXPECT_EQ(b.avg_difference.low, -0.5);
  EXPECT_EQ(b.avg_difference.high, 0);
  EXPECT_EQ(a.avg_difference.low, 0);
  EXPECT_EQ(a.avg_difference.high, 0);
  EXPECT_EQ(a.pass.mean, 0.75);
  EXPECT_EQ(b.pass_difference.mean, -0.5);
  // Majorities of a: "5" before "4" is right; "2" is wrong; "9" before "5" is wrong.
  EXPECT_EQ(a.maj.mean, 0.5);
  EXPECT_EQ(b.maj.mean, 0.25);
  EXPECT_DOUBLE_EQ(a.entropy, 0.6);  // of the last evaluation, mean over seeds
  EXPECT_EQ(a.response_length, 12.5);
  EXPECT_EQ(a.sampled_tokens, 200);
  EXPECT_EQ(b.sampled_tokens, 300);
  EXPECT_EQ(a.trained_tokens, 120);
  EXPECT_EQ(a.seconds, 6);
  ASSERT_EQ(result.differences.size(), 2u);  // not lr, which is one number, nor name and seed
  EXPECT_EQ(result.differences[0].key, "loss.name");
  EXPECT_EQ(result.differences[1].key, "loss.eps");

  EXPECT_EQ(BeforeTraining(result), 0.375);
  EXPECT_EQ(a.curves.at("val/avg").by_seed[1], (std::vector<double>{0.375, 0.75}));
  const SeedCurves& curve = a.curves.at("actor/entropy");
  EXPECT_EQ(curve.x, (std::vector<double>{1, 2}));
  const SeedBand band = BandOverSeeds(curve);
  EXPECT_DOUBLE_EQ(band.mean[1], 0.6);
  EXPECT_EQ(band.low[1], 0.5);
  EXPECT_EQ(band.high[1], 0.7);
}

TEST_F(ComparisonTest, WarnsInWords) {
  const auto has = [](const ComparisonResult& result, const std::string& part) {
    for (const std::string& w : result.warnings) {
      if (w.find(part) != std::string::npos) return true;
    }
    return false;
  };
  const std::string budget = "b sampled 300 tokens a run, a 200 (50 % more)";
  EXPECT_TRUE(has(ReadComparison(files_), budget));
  EXPECT_FALSE(has(ReadComparison(files_), "One seed"));
  files_.seeds = {1};
  EXPECT_TRUE(has(ReadComparison(files_), "One seed"));
  // 10 % more is still an equal budget; another build of the program is worth a word.
  WriteRun(folder_ + "/b/seed_1", "seed: 1\n", {{3, "", 0}, {3, "", 0}, {7, "", 0}, {7, "", 0}},
           1100, 0.1);
  WriteFileAtomically(folder_ + "/b/seed_1/run.json",
                      R"({"version": "0.1.0", "git_commit": "def", "isa": "avx2"})");
  EXPECT_FALSE(has(ReadComparison(files_), "budgets"));
  EXPECT_TRUE(has(ReadComparison(files_), "git_commit is abc, def"));
}

TEST_F(ComparisonTest, TextJsonAndPage) {
  const ComparisonResult result = ReadComparison(files_);
  const std::string text = ComparisonText(result);
  EXPECT_NE(text.find("-25.0 [-50.0, +0.0]"), std::string::npos) << text;
  EXPECT_NE(text.find("b and a cannot be told apart by these runs"), std::string::npos) << text;

  const auto json = nlohmann::json::parse(ComparisonJson(result));
  EXPECT_EQ(json["recipes"][1]["difference"]["avg@2"]["mean"], -0.25);
  EXPECT_EQ(json["recipes"][0]["curves"]["actor/entropy"]["by_seed"][1][0], 0.7);
  EXPECT_EQ(json["differences"][0]["values"]["b"], "z");
  EXPECT_EQ(json["notes"][0], "b: eval.k 4 -> 2");
  EXPECT_EQ(ComparisonJson(ReadComparison(files_)), ComparisonJson(result));  // the same intervals

  const std::string page = ReadFile(WriteComparison(result));
  for (const char* part : {"Held-out accuracy", "Entropy", "b: eval.k 4 -&gt; 2", "x&lt;y",
                           "The budgets are not equal", "band c1"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  EXPECT_EQ(page.find("Gradient norm"), std::string::npos);  // no run has it
  EXPECT_EQ(page.find("x<y"), std::string::npos);
  EXPECT_EQ(page.find("http://", page.find("</style>")),
            page.find("http://www.w3.org/2000/svg", page.find("</style>")));  // no network
}

TEST_F(ComparisonTest, TellsADifferenceApart) {
  ComparisonResult result = ReadComparison(files_);
  result.recipes[1].avg_difference = {0.021, 0.003, 0.039};
  EXPECT_EQ(DifferenceInWords(result, result.recipes[1]),
            "b is 2.1 points above a: 95 % interval +0.3 to +3.9");
}

TEST_F(ComparisonTest, OtherPromptsAreRefused) {
  WriteRun(folder_ + "/b/seed_2", "seed: 2\n", {{3, "", 0}, {3, "", 0}, {8, "", 0}, {8, "", 0}},
           1500, 0.1);
  try {
    ReadComparison(files_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("/b/seed_2: was judged by"), std::string::npos)
        << e.what();
  }
  WriteRun(folder_ + "/b/seed_2", "seed: 2\n", {{3, "", 0}, {7, "", 0}, {7, "", 0}}, 1500, 0.1);
  EXPECT_THROW(ReadComparison(files_), Error);  // a sample is missing
}

}  // namespace
}  // namespace rlvr
