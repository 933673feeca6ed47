#include "model/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;
constexpr int64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr const char* kDamaged = "the file is truncated or damaged: download or save it again";

DType ParseDType(const std::string& name, const std::string& place) {
  for (const DType d :
       {DType::kF32, DType::kF16, DType::kBf16, DType::kI64, DType::kI32, DType::kU8}) {
    if (name == ToString(d)) return d;
  }
  throw Error(place, "type '" + name + "' is not supported",
              "supported: F32, F16, BF16, I64, I32, U8");
}

float HalfToFloat(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, mantissa = h & 0x3ff;
  const uint32_t exponent = (h >> 10) & 31;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

// Whole numbers only: get<int64_t> would also take 2.5, true and 1e300.
std::vector<int64_t> WholeNumbers(const Json& list, const std::string& place) {
  if (!list.is_array()) throw Error(place, "a list of whole numbers is needed", kDamaged);
  std::vector<int64_t> numbers;
  for (const Json& n : list) {
    if (!n.is_number_integer()) throw Error(place, n.dump() + " is no whole number", kDamaged);
    numbers.push_back(n.get<int64_t>());
  }
  return numbers;
}

}  // namespace

const char* ToString(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBf16:
      return "BF16";
    case DType::kI64:
      return "I64";
    case DType::kI32:
      return "I32";
    case DType::kU8:
      return "U8";
  }
  return "?";
}

int64_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kI64:
      return 8;
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kBf16:
      return 2;
    case DType::kU8:
      return 1;
  }
  return 0;
}

int64_t TensorInfo::NumElements() const {
  int64_t n = 1;
  for (const int64_t d : shape) n *= d;
  return n;
}

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(path) {
  const std::string_view bytes = file_.bytes();
  if (bytes.size() < 8)
    throw Error(path, "has only " + std::to_string(bytes.size()) + " bytes", kDamaged);
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  if (header > kMaxHeader || header + 8 > bytes.size()) {
    throw Error(path,
                "the header should be " + std::to_string(header) + " bytes long, the file has " +
                    std::to_string(bytes.size()),
                kDamaged);
  }
  data_begin_ = static_cast<int64_t>(header) + 8;
  const int64_t data_size = static_cast<int64_t>(bytes.size()) - data_begin_;
  try {
    const Json j = Json::parse(bytes.substr(8, header));
    if (!j.is_object()) throw Error(path, "the header is no JSON object", kDamaged);
    for (const auto& [name, value] : j.items()) {
      if (name == "__metadata__") {
        for (const auto& [k, v] : value.items()) metadata_[k] = v.get<std::string>();
        continue;
      }
      TensorInfo info;
      info.dtype = ParseDType(value.at("dtype").get<std::string>(), path + ": tensor " + name);
      info.shape = WholeNumbers(value.at("shape"), path + ": tensor " + name);
      const auto offsets = WholeNumbers(value.at("data_offsets"), path + ": tensor " + name);
      if (offsets.size() != 2)
        throw Error(path, "tensor " + name + " has no two data_offsets", kDamaged);
      info.begin = offsets[0];
      info.end = offsets[1];
      int64_t size = SizeOf(info.dtype);
      for (const int64_t d : info.shape) {
        if (d < 0 || (d > 0 && size > INT64_MAX / d))
          throw Error(path, "tensor " + name + " has an impossible shape", kDamaged);
        size *= d;
      }
      if (info.begin < 0 || info.end < info.begin || info.end > data_size) {
        throw Error(path,
                    "tensor " + name + " ends at byte " + std::to_string(info.end) + " of " +
                        std::to_string(data_size),
                    kDamaged);
      }
      if (info.end - info.begin != size)
        throw Error(path, "tensor " + name + " has the wrong size for its shape", kDamaged);
      tensors_[name] = std::move(info);
    }
  } catch (const Json::exception& e) {
    throw Error(path, std::string("the header is damaged: ") + e.what(), kDamaged);
  }
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const auto& [name, info] : tensors_) {
    if (info.end > info.begin) ranges.emplace_back(info.begin, info.end);
  }
  std::sort(ranges.begin(), ranges.end());
  int64_t covered = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin < covered) throw Error(path, "tensors overlap", kDamaged);
    if (begin > covered) break;
    covered = end;
  }
  if (covered != data_size) {
    throw Error(
        path, "no tensor owns byte " + std::to_string(covered) + " of " + std::to_string(data_size),
        kDamaged);
  }
}

std::string_view SafetensorsFile::Bytes(const std::string& name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end())
    throw Error(file_.path(), "has no tensor '" + name + "'", "is this the right model?");
  return file_.bytes().substr(static_cast<size_t>(data_begin_ + it->second.begin),
                              static_cast<size_t>(it->second.end - it->second.begin));
}

void SafetensorsFile::ReadFloats(const std::string& name, float* out) const {
  const std::string_view bytes = Bytes(name);
  const TensorInfo& info = tensors_.at(name);
  const int64_t n = info.NumElements();
  switch (info.dtype) {
    case DType::kF32:
      std::memcpy(out, bytes.data(), bytes.size());
      return;
    case DType::kBf16:
    case DType::kF16:
      for (int64_t i = 0; i < n; ++i) {
        uint16_t h = 0;
        std::memcpy(&h, bytes.data() + 2 * i, 2);
        out[i] = info.dtype == DType::kBf16 ? ToFloat(Bf16{h}) : HalfToFloat(h);
      }
      return;
    default:
      throw Error(file_.path(),
                  "tensor " + name + " is " + ToString(info.dtype) + ", floats are needed", "");
  }
}

void WriteSafetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  Json j;
  if (!metadata.empty()) j["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const auto& t : tensors) {
    const auto size = static_cast<int64_t>(t.bytes.size());
    j[t.name] = {{"dtype", ToString(t.dtype)},
                 {"shape", t.shape},
                 {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string header = j.dump();
  header.append((64 - (header.size() + 8) % 64) % 64, ' ');  // tensors begin on a cache line
  std::string file(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(file.data(), &length, 8);
  file += header;
  file.reserve(file.size() + static_cast<size_t>(offset));
  for (const auto& t : tensors) file.append(t.bytes);
  WriteFileAtomically(path, file);
}

}  // namespace rlvr
