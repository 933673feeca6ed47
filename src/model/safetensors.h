// The safetensors format: 8 bytes little-endian header length, a JSON header, raw tensors.
// https://huggingface.co/docs/safetensors
#ifndef RLVR_MODEL_SAFETENSORS_H_
#define RLVR_MODEL_SAFETENSORS_H_
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/types.h"

namespace rlvr {

enum class DType : uint8_t { kF32, kF16, kBf16, kI64, kI32, kU8 };
const char* ToString(DType dtype);  // "F32", ...
int64_t SizeOf(DType dtype);

struct TensorInfo {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  int64_t begin = 0, end = 0;  // bytes after the header
  int64_t NumElements() const;
};

// Maps a file and checks everything (header length, JSON, offsets inside the file, no overlap, no
// byte without an owner, sizes that match shapes): a truncated or damaged file is an Error naming
// the tensor.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  const std::map<std::string, TensorInfo>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::string_view Bytes(const std::string& name) const;       // throws Error if missing
  void ReadFloats(const std::string& name, float* out) const;  // from F32, F16 or BF16

 private:
  MappedFile file_;
  int64_t data_begin_ = 0;
  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

struct TensorToWrite {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  std::string_view bytes;
};
// Atomic. Tensors in the given order without gaps, the first one 64-byte aligned; same input, same
// bytes.
void WriteSafetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                      const std::map<std::string, std::string>& metadata);

}  // namespace rlvr
#endif  // RLVR_MODEL_SAFETENSORS_H_
