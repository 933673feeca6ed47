#include "data/prompt_files.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"

namespace rlvr {
namespace {

const std::string kParquet = RLVR_SOURCE_DIR "/tests/reference/parquet/";

std::string Write(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + "prompt_files_" + name;
  WriteFileAtomically(path, text);
  return path;
}

std::string WriteGzip(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + "prompt_files_" + name;
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return path;
}

std::string MessageOf(const std::string& name) {
  try {
    OpenPrompts(name, Split::kTrain, 0);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

const std::string kLines =
    "{\"prompt\": \"1+1?\", \"ground_truth\": \"2\"}\n\n"
    "{\"prompt\": \"2+2?\", \"ground_truth\": \"4\"}\n";

// One set of prompts, whatever the file's format.
TEST(PromptFiles, FormatsAreAlike) {
  const std::string array =
      "[{\"prompt\": \"1+1?\", \"ground_truth\": \"2\"},"
      " {\"prompt\": \"2+2?\", \"ground_truth\": \"4\"}]";
  const auto want = OpenPrompts(Write("a.jsonl", kLines), Split::kTrain, 0);
  ASSERT_EQ(want->size(), 2);
  EXPECT_EQ(want->Get(1).ground_truth, "4");
  EXPECT_EQ(want->Get(1).index, 1);
  for (const std::string& path : {Write("lines.json", kLines), Write("array.json", array),
                                  WriteGzip("a.jsonl.gz", kLines), WriteGzip("a.json.gz", array)}) {
    const auto got = OpenPrompts(path, Split::kTrain, 0);
    ASSERT_EQ(got->size(), 2) << path;
    for (int64_t i = 0; i < 2; ++i) EXPECT_EQ(got->Get(i), want->Get(i)) << path;
  }
}

TEST(PromptFiles, ParquetIsWhatItsJsonlIs) {
  const auto want = OpenPrompts(kParquet + "verl.jsonl", Split::kTrain, 0);
  for (const char* name : {"verl_snappy", "verl_groups_zstd", "verl_plain_gzip_v2"}) {
    const auto got = OpenPrompts(kParquet + name + ".parquet", Split::kTrain, 0);
    ASSERT_EQ(got->size(), want->size());
    EXPECT_EQ(got->layout(), "verl's columns (prompt, reward_model)");
    for (int64_t i = 0; i < got->size(); ++i) EXPECT_EQ(got->Get(i), want->Get(i)) << name << i;
  }
}

TEST(PromptFiles, EqualRowsKeepTheirPlaces) {
  const std::string a = R"({"prompt": "a", "ground_truth": "1"})",
                    b = R"({"prompt": "b", "ground_truth": "1"})";
  const auto data =
      OpenPrompts(Write("equal.json", "[" + a + "," + b + "," + a + "]"), Split::kTrain, 0);
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(data->Get(2).messages, data->Get(0).messages);
  EXPECT_EQ(data->Get(1).messages[0].second, "b");
  EXPECT_EQ(data->Get(2).index, 2);
}

TEST(PromptFiles, SeveralFollowEachOther) {
  const std::string a = Write("a.jsonl", kLines), b = kParquet + "verl_snappy.parquet";
  const auto data = OpenPrompts(a + ";" + b + ";gsm_micro:train_size=3", Split::kTrain, 0);
  ASSERT_EQ(data->size(), 2 + 40 + 3);
  EXPECT_EQ(data->Get(1).messages[0].second, "2+2?");
  EXPECT_EQ(data->Get(2).data_source, "openai/gsm8k");
  EXPECT_EQ(data->Get(41).ground_truth, "1560");  // 39 + 39 * 39
  EXPECT_EQ(data->Get(42).data_source, "gsm_micro");
  for (const int64_t i : {0, 1, 2, 41, 42, 44}) EXPECT_EQ(data->Get(i).index, i);
  // Their order is a function of seed and place alone: what a resumed run goes on with.
  PromptOrder order(data->size(), 7), resumed(data->size(), 7);
  for (int64_t i = 0; i < 100; ++i) order.At(i);
  EXPECT_EQ(data->Get(order.At(100)), data->Get(resumed.At(100)));
}

TEST(PromptFiles, ErrorsNameFileAndRow) {
  EXPECT_NE(MessageOf(Write("bad.json", "[{\"prompt\": \"a\", \"ground_truth\": 1}, 7]"))
                .find("bad.json: row 2: is no JSON object"),
            std::string::npos);
  EXPECT_NE(MessageOf(Write("cut.json", "[{\"prompt\": ")).find("is not JSON"), std::string::npos);
  EXPECT_NE(MessageOf(Write("none.jsonl", "\n")).find("holds no prompts"), std::string::npos);
  EXPECT_NE(MessageOf(kParquet + "empty.parquet").find("holds no prompts"), std::string::npos);
  const std::string packed = ReadFile(WriteGzip("whole.jsonl.gz", kLines));
  for (const size_t size : {size_t{0}, size_t{5}, packed.size() / 2, packed.size() - 1}) {
    EXPECT_NE(MessageOf(Write("cut.jsonl.gz", packed.substr(0, size))).find("no whole gzip file"),
              std::string::npos)
        << size;
  }
  EXPECT_NE(MessageOf("data/none.jsonl").find("data/none.jsonl"), std::string::npos);
  EXPECT_NE(MessageOf("gsm_macro").find("files end in .jsonl, .json, .parquet or .gz"),
            std::string::npos);
}

}  // namespace
}  // namespace rlvr
