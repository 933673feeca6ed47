#include "model/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"

namespace rlvr {
namespace {

class Safetensors : public testing::Test {
 protected:
  std::string Path(const std::string& name) const {
    return testing::TempDir() + "safetensors_test_" + name;
  }
  std::string WriteRaw(const std::string& header, const std::string& data) const {
    std::string bytes(8, '\0');
    const uint64_t n = header.size();
    std::memcpy(bytes.data(), &n, 8);
    return Put(bytes + header + data);
  }
  std::string Put(const std::string& bytes) const {
    const std::string path = Path("raw");
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return path;
  }
  // One line that starts with the path; the message, or "" if the file was accepted.
  std::string ErrorOf(const std::string& path) const {
    try {
      SafetensorsFile file(path);
      return "";
    } catch (const Error& e) {
      const std::string what = e.what();
      EXPECT_EQ(what.rfind(path, 0), 0u) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos) << what;
      return what;
    }
  }
};

std::string BytesOf(const void* data, size_t n) { return {static_cast<const char*>(data), n}; }

TEST_F(Safetensors, RoundTrip) {
  const float a[] = {1, -2.5, 3e-40f, INFINITY, 0, 7};
  const int64_t b[] = {-5, int64_t{1} << 60};
  const std::string bytes_a = BytesOf(a, sizeof(a)), bytes_b = BytesOf(b, sizeof(b));
  const std::vector<TensorToWrite> tensors = {
      {"z first", DType::kF32, {2, 3}, bytes_a},
      {"a second", DType::kI64, {2}, bytes_b},
      {"empty", DType::kU8, {0, 4}, ""},
      {"scalar", DType::kF32, {}, std::string_view(bytes_a).substr(0, 4)}};
  WriteSafetensors(Path("a"), tensors, {{"format", "pt"}, {"step", "3"}});
  WriteSafetensors(Path("b"), tensors, {{"format", "pt"}, {"step", "3"}});
  EXPECT_EQ(ReadFile(Path("a")), ReadFile(Path("b")));

  const SafetensorsFile file(Path("a"));
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.metadata().at("step"), "3");
  EXPECT_EQ(file.tensors().at("z first").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file.tensors().at("scalar").NumElements(), 1);
  EXPECT_EQ(file.Bytes("z first"), bytes_a);
  EXPECT_EQ(file.Bytes("a second"), bytes_b);
  EXPECT_EQ(file.Bytes("empty"), "");
  float read[6];
  file.ReadFloats("z first", read);
  EXPECT_EQ(BytesOf(read, sizeof(read)), bytes_a);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file.Bytes("z first").data()) % 64, 0u);
  EXPECT_THROW(file.Bytes("missing"), Error);
  EXPECT_THROW(file.ReadFloats("a second", read), Error);
}

// 8-byte length, header, data: the layout that other programs read, byte by byte.
TEST_F(Safetensors, LayoutByHand) {
  const float x[] = {1.5f};
  WriteSafetensors(Path("layout"), {{"x", DType::kF32, {1}, BytesOf(x, 4)}}, {});
  // 54 bytes of header, 2 of padding: data begins at byte 64. 1.5f is 0x3fc00000.
  const std::string header = R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  )";
  EXPECT_EQ(ReadFile(Path("layout")),
            BytesOf("\x38\0\0\0\0\0\0\0", 8) + header + BytesOf("\0\0\xc0\x3f", 4));
}

TEST_F(Safetensors, HalvesByHand) {
  // fp16: 1, -2, largest 65504, smallest subnormal 2^-24, -0, infinity, NaN
  const uint16_t half[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0x7e00};
  const uint16_t bf16[] = {0x3f80, 0xc000, 0x4049};  // 1, -2, 3.140625
  WriteSafetensors(Path("halves"),
                   {{"half", DType::kF16, {7}, BytesOf(half, 14)},
                    {"bf16", DType::kBf16, {3}, BytesOf(bf16, 6)}},
                   {});
  const SafetensorsFile file(Path("halves"));
  float h[7], b[3];
  file.ReadFloats("half", h);
  file.ReadFloats("bf16", b);
  const float want[] = {1, -2, 65504, 0x1p-24f, -0.0f, INFINITY};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(h[i], want[i]) << i;
  EXPECT_TRUE(std::signbit(h[4]));
  EXPECT_TRUE(std::isnan(h[6]));
  EXPECT_EQ(b[0], 1);
  EXPECT_EQ(b[1], -2);
  EXPECT_EQ(b[2], 3.140625);
}

TEST_F(Safetensors, DamageIsNamed) {
  const std::string eight(8, 'x');
  const auto tensor = [](const std::string& name, const std::string& dtype,
                         const std::string& shape, const std::string& offsets) {
    return "\"" + name + "\":{\"dtype\":" + dtype + ",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
  };
  const std::string f32 = "\"F32\"";
  EXPECT_EQ(ErrorOf(WriteRaw("{" + tensor("t", f32, "[2]", "[0,8]") + "}", eight)), "");
  struct Case {
    std::string header, data, mentions;
  };
  const Case cases[] = {
      {"", "", "header"},
      {"[]", "", "no JSON object"},
      {"{" + tensor("t", f32, "[2]", "[0,8]"), eight, "header is damaged"},
      {"{\"t\":3}", eight, "header is damaged"},
      {"{\"__metadata__\":{\"a\":1}," + tensor("t", f32, "[2]", "[0,8]") + "}", eight, "damaged"},
      {"{\"t\":{\"shape\":[2],\"data_offsets\":[0,8]}}", eight, "dtype"},
      {"{" + tensor("t", "\"F8\"", "[8]", "[0,8]") + "}", eight, "type 'F8' is not supported"},
      {"{" + tensor("t", f32, "[2]", "[0,12]") + "}", eight, "tensor t ends at byte 12 of 8"},
      {"{" + tensor("t", f32, "[2]", "[8,0]") + "}", eight, "tensor t"},
      {"{" + tensor("t", f32, "[2]", "[-8,0]") + "}", eight, "tensor t"},
      {"{" + tensor("t", f32, "[2]", "[0]") + "}", eight, "data_offsets"},
      {"{" + tensor("t", f32, "[3]", "[0,8]") + "}", eight, "tensor t has the wrong size"},
      {"{" + tensor("t", f32, "[-2]", "[0,8]") + "}", eight, "impossible shape"},
      {"{" + tensor("t", f32, "[4611686018427387904,4]", "[0,8]") + "}", eight, "impossible shape"},
      {"{" + tensor("t", f32, "[18446744073709551615]", "[0,8]") + "}", eight, "impossible shape"},
      {"{" + tensor("t", f32, "[2.0]", "[0,8]") + "}", eight, "no whole number"},
      {"{" + tensor("t", f32, "[true,2]", "[0,8]") + "}", eight, "no whole number"},
      {"{" + tensor("t", f32, "[2]", "[0,1e300]") + "}", eight, "no whole number"},
      {"{" + tensor("t", f32, "{\"a\":2}", "[0,8]") + "}", eight, "whole numbers"},
      {"{" + tensor("t", f32, "[2]", "[0,8]") + "," + tensor("u", f32, "[1]", "[4,8]") + "}", eight,
       "overlap"},
      {"{" + tensor("t", f32, "[1]", "[0,4]") + "}", eight, "no tensor owns byte 4"},
      {"{" + tensor("t", f32, "[1]", "[4,8]") + "}", eight, "no tensor owns byte 0"},
  };
  for (const Case& c : cases) {
    const std::string error = ErrorOf(WriteRaw(c.header, c.data));
    EXPECT_NE(error.find(c.mentions), std::string::npos) << c.header << "\n" << error;
  }
  Put(BytesOf("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10));
  EXPECT_NE(ErrorOf(Path("raw")).find("header should be"), std::string::npos);
  Put("");
  EXPECT_NE(ErrorOf(Path("raw")).find("0 bytes"), std::string::npos);
  EXPECT_THROW(SafetensorsFile(Path("does_not_exist")), Error);
}

// Any damage is an Error or an intact view of the same size; nothing else.
TEST_F(Safetensors, FuzzedBytes) {
  const std::string data(200, 'd');
  WriteSafetensors(Path("whole"),
                   {{"model.embed", DType::kF32, {5, 2}, std::string_view(data).substr(0, 40)},
                    {"model.norm", DType::kBf16, {80}, std::string_view(data).substr(40)}},
                   {{"format", "pt"}});
  const std::string whole = ReadFile(Path("whole"));
  for (size_t n = 0; n < whole.size(); ++n) {
    Put(whole.substr(0, n));
    EXPECT_NE(ErrorOf(Path("raw")), "") << n << " bytes";
  }
  EXPECT_NE((Put(whole + "x"), ErrorOf(Path("raw"))), "");
  Random random{RandomKey(1)};
  int accepted = 0;
  const auto header_end = static_cast<int64_t>(whole.size() - data.size());
  for (int i = 0; i < 1500; ++i) {
    std::string bytes = whole;
    for (int64_t flips = random.Int(1, 3); flips > 0; --flips)
      bytes[random.Int(0, header_end - 1)] = static_cast<char>(random.Int(0, 255));
    Put(bytes);
    if (!ErrorOf(Path("raw")).empty()) continue;
    ++accepted;  // a changed name, say
    const SafetensorsFile file(Path("raw"));
    float out[100];
    for (const auto& [name, info] : file.tensors()) {
      ASSERT_LE(info.NumElements(), 100);
      ASSERT_LE(file.Bytes(name).size(), data.size());
      if (info.dtype != DType::kU8 && info.dtype != DType::kI32 && info.dtype != DType::kI64)
        file.ReadFloats(name, out);
    }
  }
  EXPECT_LT(accepted, 750);
}

}  // namespace
}  // namespace rlvr
