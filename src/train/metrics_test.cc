#include "train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

// CRC-32C bit by bit, from the polynomial 0x1EDC6F41 (reflected: 0x82F63B78).
uint32_t SlowCrc32c(const std::string& data) {
  uint32_t crc = ~0u;
  for (const char c : data) {
    crc ^= static_cast<uint8_t>(c);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

uint32_t Mask(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

struct Scalar {
  int64_t step = 0;
  std::string tag;
  float value = 0;
};

// Reads protobuf's wire format without protobuf: enough for an event.
class Wire {
 public:
  explicit Wire(std::string bytes) : bytes_(std::move(bytes)) {}
  bool done() const { return at_ >= bytes_.size(); }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto b = static_cast<uint8_t>(bytes_.at(at_++));
      value |= uint64_t{b & 0x7fu} << shift;
      if (b < 0x80) return value;
    }
  }
  std::string Take(size_t n) {
    at_ += n;
    return bytes_.substr(at_ - n, n);
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

std::vector<Scalar> ReadEventFile(const std::string& path, std::string* version) {
  const std::string file = ReadFile(path);
  std::vector<Scalar> scalars;
  for (size_t at = 0; at < file.size();) {
    uint64_t length = 0;
    uint32_t length_crc = 0, data_crc = 0;
    std::memcpy(&length, file.data() + at, 8);
    std::memcpy(&length_crc, file.data() + at + 8, 4);
    EXPECT_EQ(length_crc, Mask(SlowCrc32c(file.substr(at, 8))));
    const std::string data = file.substr(at + 12, length);
    std::memcpy(&data_crc, file.data() + at + 12 + length, 4);
    EXPECT_EQ(data_crc, Mask(SlowCrc32c(data)));
    at += 16 + length;
    int64_t step = 0;
    for (Wire event(data); !event.done();) {
      const uint64_t tag = event.Varint();
      if (tag == (1 << 3 | 1)) event.Take(8);  // wall_time, a double
      if (tag == (2 << 3 | 0)) step = static_cast<int64_t>(event.Varint());
      if (tag == (3 << 3 | 2)) *version = event.Take(event.Varint());
      if (tag != (5 << 3 | 2)) continue;
      for (Wire summary(event.Take(event.Varint())); !summary.done();) {
        EXPECT_EQ(summary.Varint(), 1u << 3 | 2u);
        Scalar scalar{.step = step, .tag = "", .value = 0};
        for (Wire value(summary.Take(summary.Varint())); !value.done();) {
          const uint64_t field = value.Varint();
          if (field == (1 << 3 | 2)) {
            scalar.tag = value.Take(value.Varint());
          } else {
            EXPECT_EQ(field, 2u << 3 | 5u);
            std::memcpy(&scalar.value, value.Take(4).data(), 4);
          }
        }
        scalars.push_back(scalar);
      }
    }
  }
  return scalars;
}

std::string OnlyFileIn(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path().string());
  EXPECT_EQ(files.size(), 1u);
  return files.at(0);
}

TEST(Metrics, MaskedCrcOfTheKnownVector) {
  // RFC 3720, B.4 and the check value of CRC-32C: "123456789" -> 0xE3069283.
  EXPECT_EQ(SlowCrc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(MaskedCrc32c("123456789", 9), Mask(0xE3069283u));
}

TEST(Metrics, BothFilesSayTheSame) {
  TempFolder folder;
  {
    MetricsLog log(folder.path(), -1);
    log.Write(1, {{"actor/entropy", 0.1}, {"actor/grad_norm", 2.0}});
    log.Write(2, {{"actor/entropy", NAN}, {"actor/grad_norm", 1.0 / 3}});
  }
  EXPECT_EQ(ReadFile(folder.path() + "/metrics.jsonl"),
            "{\"actor/entropy\":0.1,\"actor/grad_norm\":2.0,\"step\":1}\n"
            "{\"actor/entropy\":null,\"actor/grad_norm\":0.3333333333333333,\"step\":2}\n");
  EXPECT_EQ(ReadMetrics(folder.path(), 2).at("actor/grad_norm"), 1.0 / 3);
  EXPECT_THROW(ReadMetrics(folder.path(), 3), Error);
  std::string version;
  const auto scalars = ReadEventFile(OnlyFileIn(folder.path() + "/tensorboard"), &version);
  EXPECT_EQ(version, "brain.Event:2");
  ASSERT_EQ(scalars.size(), 4u);
  EXPECT_EQ(scalars[0].step, 1);
  EXPECT_EQ(scalars[0].tag, "actor/entropy");
  EXPECT_EQ(scalars[0].value, 0.1f);
  EXPECT_EQ(scalars[3].step, 2);
  EXPECT_EQ(scalars[3].tag, "actor/grad_norm");
  EXPECT_EQ(scalars[3].value, static_cast<float>(1.0 / 3));
}

TEST(Metrics, ReopeningCutsLaterStepsAndTornEnds) {
  TempFolder folder;
  {
    MetricsLog log(folder.path(), -1);
    for (int step = 1; step <= 3; ++step) log.Write(step, {{"a", step * 0.5}});
  }
  const std::string jsonl = folder.path() + "/metrics.jsonl",
                    events = OnlyFileIn(folder.path() + "/tensorboard");
  std::filesystem::resize_file(jsonl,
                               std::filesystem::file_size(jsonl) - 4);  // as a crash leaves it
  std::filesystem::resize_file(events, std::filesystem::file_size(events) - 4);
  {
    MetricsLog log(folder.path(), 2);
    log.Write(3, {{"a", 9.0}});
  }
  EXPECT_EQ(ReadFile(jsonl),
            "{\"a\":0.5,\"step\":1}\n{\"a\":1.0,\"step\":2}\n{\"a\":9.0,\"step\":3}\n");
  std::string version;
  auto scalars = ReadEventFile(events, &version);
  ASSERT_EQ(scalars.size(), 3u);
  EXPECT_EQ(scalars[2].value, 9.0f);
  { MetricsLog log(folder.path(), 1); }
  EXPECT_EQ(ReadFile(jsonl), "{\"a\":0.5,\"step\":1}\n");
  EXPECT_EQ(ReadEventFile(events, &version).size(), 1u);
}

TEST(Metrics, SummaryIsWeighted) {
  Summary s;
  s.Add(1, 3);
  s.Add(-5, 1);
  Metrics m;
  s.Write("x", &m);
  EXPECT_EQ(m, (Metrics{{"x/mean", -0.5}, {"x/max", 1.0}, {"x/min", -5.0}}));  // (3 - 5) / 4
  Summary().Write("y", &m);
  EXPECT_EQ(m.size(), 3u);
}

}  // namespace
}  // namespace rlvr
