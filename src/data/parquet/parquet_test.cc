#include "data/parquet/parquet.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;
const std::string kFolder = RLVR_SOURCE_DIR "/tests/reference/parquet/";

std::vector<Json> Rows(const std::string& bytes, const std::string& place) {
  const ParquetReader reader(bytes, place);
  std::vector<Json> rows;
  for (int64_t g = 0; g < reader.num_row_groups(); ++g) {
    for (Json& row : reader.ReadRowGroup(g)) rows.push_back(std::move(row));
  }
  EXPECT_EQ(static_cast<int64_t>(rows.size()), reader.num_rows());
  return rows;
}

std::string MessageOf(const std::string& bytes) {
  try {
    Rows(bytes, "f.parquet");
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// What pyarrow reads from each file, the order of columns included.
TEST(Parquet, EveryVariantAsPyarrowReadsIt) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"verl_snappy", "verl"},    {"verl_groups_zstd", "verl"},   {"verl_plain_gzip_v2", "verl"},
      {"nested_v1", "nested"},    {"nested_v2_pages", "nested"},  {"nested_plain_pages", "nested"},
      {"nested_delta", "nested"}, {"nested_old_lists", "nested"},
  };
  for (const auto& [name, expected] : files) {
    const std::vector<Json> rows = Rows(ReadFile(kFolder + name + ".parquet"), name);
    std::ifstream lines(kFolder + expected + ".jsonl");
    size_t i = 0;
    for (std::string line; std::getline(lines, line); ++i) {
      ASSERT_LT(i, rows.size()) << name;
      EXPECT_EQ(rows[i].dump(), Json::parse(line).dump()) << name << " row " << i;
    }
    EXPECT_EQ(i, rows.size()) << name;
  }
}

TEST(Parquet, RowGroupsOneAtATime) {
  const std::string bytes = ReadFile(kFolder + "verl_groups_zstd.parquet");
  const ParquetReader reader(bytes, "f");
  ASSERT_EQ(reader.num_row_groups(), 3);
  EXPECT_EQ(reader.ReadRowGroup(1).size(), 17u);
  EXPECT_EQ(reader.ReadRowGroup(2).front()["extra_info"]["index"], 34);
  EXPECT_TRUE(Rows(ReadFile(kFolder + "empty.parquet"), "empty").empty());
}

TEST(Parquet, WhatIsNotReadIsNamed) {
  const auto message = [](const std::string& name) {
    return MessageOf(ReadFile(kFolder + name + ".parquet"));
  };
  EXPECT_EQ(message("unread_brotli").find("f.parquet: column 'x': is compressed with BROTLI"), 0u);
  EXPECT_NE(message("unread_lz4").find("compressed with LZ4"), std::string::npos);
  EXPECT_EQ(
      message("unread_split")
          .find("f.parquet: column 'x': DOUBLE in the encoding BYTE_STREAM_SPLIT is not read"),
      0u);
  EXPECT_NE(message("unread_int96").find("column 't': has the type INT96"), std::string::npos);
  EXPECT_NE(message("unread_decimal").find("(DECIMAL)"), std::string::npos);
  EXPECT_EQ(MessageOf("{\"prompt\": \"a\"}").find("f.parquet: is no Parquet file"), 0u);
  EXPECT_NE(MessageOf("PAR1...........PARE").find("encrypted"), std::string::npos);
}

// Cut off, with bytes changed, or both: rows or an Error, whatever they say.
TEST(Parquet, DamagedFiles) {
  int errors = 0, read = 0;
  const auto attempt = [&](const std::string& bytes) {
    if (MessageOf(bytes) == "no error") {
      ++read;
    } else {
      ++errors;
    }
  };
  Random random(StreamKey(1, Stream::kShuffle));
  for (const char* name : {"verl_snappy", "verl_plain_gzip_v2", "nested_v1", "nested_v2_pages",
                           "nested_plain_pages", "nested_delta"}) {
    const std::string whole = ReadFile(kFolder + name + ".parquet");
    const auto size = static_cast<int64_t>(whole.size());
    for (int64_t i = 0; i < 40; ++i)
      attempt(whole.substr(0, static_cast<size_t>(random.Int(0, size - 1))));
    for (int i = 0; i < 150; ++i) {
      std::string bytes = whole;
      // Half of them in the footer, where most lengths stand.
      const int64_t begin = i % 2 == 0 ? 0 : size - size / 3;
      for (int64_t k = random.Int(1, 4); k > 0; --k) {
        char& byte = bytes[static_cast<size_t>(random.Int(begin, size - 1))];
        byte = static_cast<char>(i % 3 == 0 ? byte ^ (1 << random.Int(0, 7)) : random.Int(0, 255));
      }
      attempt(bytes);
    }
  }
  EXPECT_GT(errors, 500);  // the others changed a value only
  EXPECT_GT(read, 50);
}

}  // namespace
}  // namespace rlvr
