// Numbers and texts as bytes, between ranks of one build on machines of one kind: no versions, no byte
// orders. What does not end where it should is a bug.
#ifndef RLVR_PARALLEL_BYTES_H_
#define RLVR_PARALLEL_BYTES_H_
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace rlvr {

class ByteWriter {
 public:
  template <class T>
  void Put(const T& value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void Put(const std::string& text) {
    Put(static_cast<uint64_t>(text.size()));
    bytes_ += text;
  }
  template <class T>
  void Put(const std::vector<T>& values) {
    static_assert(std::is_arithmetic_v<T>);
    Put(static_cast<uint64_t>(values.size()));
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T Get() {
    T value{};
    if constexpr (std::is_same_v<T, std::string>) {
      value = Next(Get<uint64_t>());
    } else {
      static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
      std::memcpy(&value, Next(sizeof(T)).data(), sizeof(T));
    }
    return value;
  }
  template <class T>
  std::vector<T> GetVector() {
    const auto n = Get<uint64_t>();
    RLVR_CHECK(n <= bytes_.size() / sizeof(T)) << n << " " << bytes_.size();
    std::vector<T> values(n);
    const std::string_view bytes = Next(n * sizeof(T));
    if (n > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  bool done() const { return bytes_.empty(); }

 private:
  std::string_view Next(uint64_t n) {
    RLVR_CHECK(n <= bytes_.size()) << n << " " << bytes_.size();
    const std::string_view next = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return next;
  }
  std::string_view bytes_;
};

}  // namespace rlvr
#endif  // RLVR_PARALLEL_BYTES_H_
