// Thrift's compact protocol, as Parquet's footer and page headers are written in: reads structs field
// by field from bytes that may be damaged. Every length is checked against what is left.
#ifndef RLVR_DATA_PARQUET_THRIFT_H_
#define RLVR_DATA_PARQUET_THRIFT_H_
#include <cstdint>
#include <string>
#include <string_view>

namespace rlvr::parquet {

// Little-endian base-128, at most ten bytes; advances *position. False if it runs out of bytes.
bool ReadVarint(std::string_view bytes, size_t* position, uint64_t* value);
inline int64_t Unzigzag(uint64_t v) { return static_cast<int64_t>((v >> 1) ^ (~(v & 1) + 1)); }

class CompactReader {
 public:
  // place: named by every Error.
  CompactReader(std::string_view bytes, std::string place)
      : bytes_(bytes), place_(std::move(place)) {}

  // Calls body(id) for each field until the struct ends. The body takes the value with one of the
  // readers below; what it leaves is skipped.
  template <class Body>
  void Struct(Body body) {
    const Value outer = value_;
    Enter();
    int64_t id = 0;
    while (NextField(&id)) {
      body(id);
      if (!value_.taken) Skip();
    }
    --depth_;
    value_ = outer;
    value_.taken = true;
  }
  // Calls body() for each element of a list, which takes it likewise.
  template <class Body>
  void List(Body body) {
    const int64_t size = ListSize();
    const uint8_t type = element_;
    for (int64_t i = 0; i < size; ++i) {
      value_ = {.type = type, .element_of_list = true, .taken = false};
      body();
      if (!value_.taken) Skip();
    }
    value_.taken = true;
  }
  int64_t Integer();  // of any width
  bool Bool();
  std::string_view Binary();
  size_t position() const { return position_; }

 private:
  struct Value {
    uint8_t type = 12;  // a struct: the outermost
    bool element_of_list = false, taken = false;
  };
  [[noreturn]] void Damaged(const char* what) const;
  void Enter();
  bool NextField(int64_t* id);
  int64_t ListSize();
  void Skip();
  uint64_t Varint();
  uint8_t Byte();

  std::string_view bytes_;
  std::string place_;
  size_t position_ = 0;
  int depth_ = 0;
  uint8_t element_ = 0;
  Value value_;
};

}  // namespace rlvr::parquet
#endif  // RLVR_DATA_PARQUET_THRIFT_H_
