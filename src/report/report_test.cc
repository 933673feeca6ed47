#include "report/report.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace rlvr {
namespace {

std::string MakeRun() {
  const std::string run = testing::TempDir() + "report_run";
  std::filesystem::remove_all(run);
  MakeDirectories(run + "/eval");
  MakeDirectories(run + "/rollouts");
  WriteFileAtomically(run + "/recipe.yaml", "seed: 7\n");
  WriteFileAtomically(
      run + "/run.json",
      R"({"version": "0.1.0", "git_commit": "abc", "isa": "avx2", "compute": "bf16"})");
  WriteFileAtomically(
      run + "/metrics.jsonl",
      "{\"step\": 1, \"actor/entropy\": 0.625}\n{\"step\": 2, \"actor/entropy\": 0.5}\n");
  WriteFileAtomically(
      run + "/eval/step_000000.json",
      R"({"step": 0, "k": 16, "num_prompts": 8, "avg@16": {"mean": 0.375, "low": 0.3, "high": 0.4},
          "pass@16": {"mean": 0.875, "low": 0.6, "high": 1.0}, "maj@16": {"mean": 0.5, "low": 0.2, "high": 0.8},
          "mean_response_length": 31.5, "clip_ratio": 0.0625})");
  WriteFileAtomically(
      run + "/rollouts/step_000001.jsonl",
      R"({"step": 1, "prompt_index": 3, "sample": 0, "prompt": "p</script><b>", "response": "x", "ground_truth": "1",
)"
      "\n");
  return run;
}

TEST(Report, HoldsTheNumbersAndEscapes) {
  const std::string run = MakeRun();
  WriteFileAtomically(
      run + "/rollouts/step_000001.jsonl",
      R"({"step": 1, "prompt_index": 3, "occurrence": 0, "sample": 0, "prompt": "p</script><b>", "response": "a", "ground_truth": "1", "answer": "2", "verdict": "wrong", "finish": "stop", "score": -1, "reward": -0.75, "advantage": 0.5, "tokens": ["a"], "logp": [-0.1], "entropy": [0.2]})"
      "\n");
  const std::string html = ReadFile(WriteReport(run));
  for (const char* part : {"0.625", "0.375", "-0.75", "seed", "abc"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_EQ(html.find("p</script>"), std::string::npos);
  EXPECT_NE(html.find("p&lt;/script&gt;&lt;b&gt;"), std::string::npos);
  EXPECT_EQ(html.find("http://", html.find("</style>")),
            html.find("http://www.w3.org/2000/svg", html.find("</style>")));  // no network
}

TEST(Report, PictureIsAFileOfItsOwn) {
  const std::string run = MakeRun(), path = run + "/accuracy.svg";
  WriteAccuracyPicture(run, path);
  const std::string svg = ReadFile(path);
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("avg@16 37.5 %"), std::string::npos) << svg;
  std::filesystem::remove_all(run + "/eval");
  EXPECT_THROW(WriteAccuracyPicture(run, path), Error);
}

TEST(Report, DamageNamesFileAndLine) {
  const std::string run = MakeRun();  // its rollouts end in the middle of line 1
  try {
    WriteReport(run);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("step_000001.jsonl:1: not a whole JSON object"),
              std::string::npos)
        << e.what();
  }
  EXPECT_THROW(WriteReport("/nowhere"), Error);
}

}  // namespace
}  // namespace rlvr
