// What the `tokenizers` library makes of the strings in tests/reference/tokenizers (the script there
// wrote them), for whole tokenizers and for single parts.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "text/byte_level.h"
#include "text/tokenizer.h"
#include "text/tokenizer/decoder.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;
using Ids = std::vector<int32_t>;

const std::string kFolder = RLVR_SOURCE_DIR "/tests/reference/tokenizers/";

std::vector<Json> Rows(const std::string& path) {
  std::ifstream file(path);
  std::vector<Json> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(Json::parse(line));
  return rows;
}

std::string Streamed(const Tokenizer& t, const Ids& ids, bool skip_special) {
  DecodeStream stream(t, skip_special);
  std::string text;
  for (const int32_t id : ids) {
    const std::string piece = stream.Push(id);
    EXPECT_EQ(unicode::IncompleteTail(piece), 0u) << piece;
    text += piece;
  }
  return text + stream.Flush();
}

class Reference : public testing::TestWithParam<const char*> {};

TEST_P(Reference, IdsAndTextsAreTheLibrarys) {
  const std::string folder = kFolder + GetParam();
  const Tokenizer t = Tokenizer::Load(folder + "/tokenizer.json");
  const auto rows = Rows(folder + "/cases.jsonl");
  ASSERT_GE(rows.size(), 100u);
  for (const auto& row : rows) {
    const auto text = row["text"].get<std::string>();
    const auto special = row["special"].get<Ids>();
    EXPECT_EQ(t.Encode(text), row["ids"].get<Ids>()) << text;
    EXPECT_EQ(t.Encode(text), row["ids"].get<Ids>()) << "from the cache: " << text;
    EXPECT_EQ(t.EncodeWithSpecial(text), special) << text;
    for (const auto& [key, skip] : {std::pair{"decoded", false}, {"plain", true}}) {
      const std::string ours = t.Decode(special, skip);
      EXPECT_EQ(unicode::ReplaceInvalid(ours), row[key].get<std::string>()) << text;
      EXPECT_EQ(Streamed(t, special, skip), ours) << text;
    }
  }
}

TEST_P(Reference, WhatIsWrittenReadsTheSame) {
  const std::string folder = kFolder + GetParam();
  const Tokenizer t = Tokenizer::Load(folder + "/tokenizer.json");
  const Tokenizer again = Tokenizer::FromJson(t.ToJson(), "again");
  EXPECT_EQ(again.ToJson(), t.ToJson());
  EXPECT_EQ(again.vocab_size(), t.vocab_size());
  for (const auto& row : Rows(folder + "/cases.jsonl"))
    EXPECT_EQ(again.Encode(row["text"].get<std::string>()), row["ids"].get<Ids>());
}

INSTANTIATE_TEST_SUITE_P(Families, Reference,
                         testing::Values("gpt2", "llama2", "llama3", "metaspace", "mistral",
                                         "prefix_space", "smollm2", "words"),
                         [](const auto& info) { return std::string(info.param); });

TEST(ReferenceParts, NormalizersPreTokenizersAndDecoders) {
  int count = 0;
  for (const auto& row : Rows(kFolder + "parts.jsonl")) {
    const std::string place = row["part"].dump();
    const Part part(row["part"], place, "");
    for (const auto& item : row["cases"]) {
      ++count;
      if (row["kind"] == "normalizer") {
        EXPECT_EQ(Normalizer(part).Apply(item[0]), item[1].get<std::string>()) << place << item[0];
      } else if (row["kind"] == "pre_tokenizer") {
        const PreTokenizer pre_tokenizer(part);
        const auto text = item[0].get<std::string>();
        std::vector<std::string> pieces;
        pre_tokenizer.Split(text, true, [&](std::string_view piece) {
          pieces.push_back(pre_tokenizer.byte_level() ? VisibleOfBytes(piece) : std::string(piece));
        });
        EXPECT_EQ(pieces, item[1].get<std::vector<std::string>>()) << place << item[0];
      } else {
        const auto tokens = item[0].get<std::vector<std::string>>();
        EXPECT_EQ(unicode::ReplaceInvalid(Decoder(part).Decode(tokens)), item[1].get<std::string>())
            << place << item[0];
      }
    }
  }
  EXPECT_GT(count, 1000);
}

}  // namespace
}  // namespace rlvr
