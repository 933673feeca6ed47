#include "data/parquet/thrift.h"

#include "base/error.h"

namespace rlvr::parquet {
namespace {

constexpr uint8_t kThriftTrue = 1, kThriftFalse = 2, kThriftByte = 3, kThriftI64 = 6,
                  kThriftDouble = 7, kThriftBinary = 8, kThriftList = 9, kThriftSet = 10,
                  kThriftMap = 11, kThriftStruct = 12;
constexpr int kThriftDeepest = 64;

}  // namespace

bool ReadVarint(std::string_view bytes, size_t* position, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (*position >= bytes.size()) return false;
    const auto byte = static_cast<uint8_t>(bytes[(*position)++]);
    *value |= static_cast<uint64_t>(byte & 0x7f) << (shift < 64 ? shift : 63);
    if (byte < 0x80) return true;
  }
  return false;
}

void CompactReader::Damaged(const char* what) const {
  throw Error(place_, std::string("damaged Parquet metadata: ") + what, "write the file again");
}

uint8_t CompactReader::Byte() {
  if (position_ >= bytes_.size()) Damaged("it ends too early");
  return static_cast<uint8_t>(bytes_[position_++]);
}

uint64_t CompactReader::Varint() {
  uint64_t value = 0;
  if (!ReadVarint(bytes_, &position_, &value)) Damaged("a number does not end");
  return value;
}

void CompactReader::Enter() {
  if (value_.type != kThriftStruct) Damaged("a struct is expected");
  if (++depth_ > kThriftDeepest) Damaged("too deep");
}

bool CompactReader::NextField(int64_t* id) {
  const uint8_t head = Byte();
  if (head == 0) return false;
  const int delta = head >> 4;
  *id = delta != 0 ? *id + delta : Unzigzag(Varint());
  if (*id < 0 || *id > 0x7fff) Damaged("a field's number is out of range");
  value_ = {.type = static_cast<uint8_t>(head & 15)};
  return true;
}

int64_t CompactReader::ListSize() {
  if (value_.type != kThriftList && value_.type != kThriftSet) Damaged("a list is expected");
  const uint8_t head = Byte();
  element_ = head & 15;
  const uint64_t size = head >> 4 == 15 ? Varint() : static_cast<uint64_t>(head >> 4);
  // An element takes a byte at least.
  if (size > bytes_.size() - position_) Damaged("a list is longer than the file");
  return static_cast<int64_t>(size);
}

int64_t CompactReader::Integer() {
  value_.taken = true;
  if (value_.type == kThriftByte) return static_cast<int8_t>(Byte());
  if (value_.type < kThriftByte || value_.type > kThriftI64) Damaged("a number is expected");
  return Unzigzag(Varint());
}

bool CompactReader::Bool() {
  value_.taken = true;
  if (value_.type != kThriftTrue && value_.type != kThriftFalse)
    Damaged("a truth value is expected");
  return value_.element_of_list ? Byte() == kThriftTrue : value_.type == kThriftTrue;
}

std::string_view CompactReader::Binary() {
  value_.taken = true;
  if (value_.type != kThriftBinary) Damaged("text is expected");
  const uint64_t size = Varint();
  if (size > bytes_.size() - position_) Damaged("a text is longer than the file");
  const std::string_view text = bytes_.substr(position_, size);
  position_ += size;
  return text;
}

void CompactReader::Skip() {
  const uint8_t type = value_.type;
  if (type == kThriftTrue || type == kThriftFalse) {
    Bool();
  } else if (type >= kThriftByte && type <= kThriftI64) {
    Integer();
  } else if (type == kThriftDouble) {
    for (int i = 0; i < 8; ++i) Byte();
  } else if (type == kThriftBinary) {
    Binary();
  } else if (type == kThriftStruct) {
    Struct([](int64_t) {});
  } else if (type == kThriftList || type == kThriftSet) {
    if (++depth_ > kThriftDeepest) Damaged("too deep");
    List([] {});
    --depth_;
  } else if (type == kThriftMap) {
    const uint64_t size = Varint();
    if (size > bytes_.size() - position_) Damaged("a map is longer than the file");
    const uint8_t types = size > 0 ? Byte() : uint8_t{0};
    if (++depth_ > kThriftDeepest) Damaged("too deep");
    for (uint64_t i = 0; i < 2 * size; ++i) {
      value_ = {.type = static_cast<uint8_t>(i % 2 == 0 ? types >> 4 : types & 15),
                .element_of_list = true};
      Skip();
    }
    --depth_;
  } else {
    Damaged("an unknown type");
  }
  value_.taken = true;
}

}  // namespace rlvr::parquet
