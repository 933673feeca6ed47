#include "data/parquet/encoding.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "data/parquet/metadata.h"
#include "data/parquet/thrift.h"

namespace rlvr::parquet {
namespace {

[[noreturn]] void DamagedPage(const std::string& place, const char* what) {
  throw Error(place, std::string("damaged Parquet page: ") + what, "write the file again");
}

// Bits from the lowest of the first byte on.
class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}
  // width <= 64; the caller has checked that the bytes are there.
  uint64_t Next(int width) {
    uint64_t value = 0;
    for (int got = 0; got < width;) {
      const int offset = static_cast<int>(bit_ & 7), take = std::min(8 - offset, width - got);
      const auto byte = static_cast<uint8_t>(bytes_[bit_ >> 3]);
      value |= static_cast<uint64_t>((byte >> offset) & ((1 << take) - 1)) << got;
      got += take;
      bit_ += static_cast<size_t>(take);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  size_t bit_ = 0;
};

template <class T>
T Load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// n values of a fixed size.
template <class T, class Out>
void LoadAll(std::string_view bytes, int64_t n, const std::string& place, std::vector<Out>* out) {
  if (static_cast<uint64_t>(n) > bytes.size() / sizeof(T))
    DamagedPage(place, "it has too few values");
  for (int64_t i = 0; i < n; ++i)
    out->push_back(static_cast<Out>(Load<T>(bytes.data() + static_cast<size_t>(i) * sizeof(T))));
}

template <class T>
void Gather(const std::vector<uint32_t>& indices, const std::vector<T>& from, std::vector<T>* out) {
  for (const uint32_t i : indices) out->push_back(from[i]);
}

}  // namespace

void DecodeHybrid(std::string_view bytes, int width, int64_t n, const std::string& place,
                  std::vector<uint32_t>* out) {
  if (width < 0 || width > 32) DamagedPage(place, "a bit width is above 32");
  const size_t value_bytes = static_cast<size_t>(width + 7) / 8;
  for (size_t position = 0; n > 0;) {
    uint64_t head = 0;
    if (!ReadVarint(bytes, &position, &head))
      DamagedPage(place, "it has too few levels or indices");
    const uint64_t left = bytes.size() - position;
    if (head & 1) {
      const uint64_t groups = head >> 1;
      if (groups > (uint64_t{1} << 40)) DamagedPage(place, "a run is too long");
      const auto take =
          static_cast<int64_t>(std::min<uint64_t>(groups * 8, static_cast<uint64_t>(n)));
      // The padding of the last group may be missing.
      if ((static_cast<uint64_t>(take) * static_cast<uint64_t>(width) + 7) / 8 > left)
        DamagedPage(place, "a run is cut off");
      BitReader bits(bytes.substr(position));
      for (int64_t i = 0; i < take; ++i) out->push_back(static_cast<uint32_t>(bits.Next(width)));
      position += std::min(left, groups * static_cast<uint64_t>(width));
      n -= take;
    } else {
      if (value_bytes > left) DamagedPage(place, "a run is cut off");
      uint32_t value = 0;
      std::memcpy(&value, bytes.data() + position, value_bytes);
      position += value_bytes;
      const auto take =
          static_cast<int64_t>(std::min<uint64_t>(head >> 1, static_cast<uint64_t>(n)));
      out->insert(out->end(), static_cast<size_t>(take), value);
      n -= take;
    }
  }
}

void DecodePlain(std::string_view bytes, int64_t type, int64_t n, const std::string& place,
                 Values* out) {
  if (type == kBoolean) {
    if ((static_cast<uint64_t>(n) + 7) / 8 > bytes.size())
      DamagedPage(place, "it has too few values");
    BitReader bits(bytes);
    for (int64_t i = 0; i < n; ++i) out->integers.push_back(static_cast<int64_t>(bits.Next(1)));
  } else if (type == kInt32) {
    LoadAll<int32_t>(bytes, n, place, &out->integers);
  } else if (type == kInt64) {
    LoadAll<int64_t>(bytes, n, place, &out->integers);
  } else if (type == kFloat) {
    LoadAll<float>(bytes, n, place, &out->numbers);
  } else if (type == kDouble) {
    LoadAll<double>(bytes, n, place, &out->numbers);
  } else {
    size_t position = 0;
    for (int64_t i = 0; i < n; ++i) {
      if (bytes.size() - position < 4) DamagedPage(place, "it has too few values");
      const auto size = Load<uint32_t>(bytes.data() + position);
      position += 4;
      if (size > bytes.size() - position) DamagedPage(place, "a text is longer than its page");
      out->texts.push_back(bytes.substr(position, size));
      position += size;
    }
  }
}

void DecodeDictionary(std::string_view bytes, const Values& dictionary, int64_t n,
                      const std::string& place, Values* out) {
  if (n == 0) return;
  if (bytes.empty()) DamagedPage(place, "it has too few values");
  std::vector<uint32_t> indices;
  DecodeHybrid(bytes.substr(1), static_cast<uint8_t>(bytes[0]), n, place, &indices);
  if (*std::max_element(indices.begin(), indices.end()) >= dictionary.size())
    DamagedPage(place, "an index is beyond the dictionary");
  if (!dictionary.integers.empty()) Gather(indices, dictionary.integers, &out->integers);
  if (!dictionary.numbers.empty()) Gather(indices, dictionary.numbers, &out->numbers);
  if (!dictionary.texts.empty()) Gather(indices, dictionary.texts, &out->texts);
}

size_t DecodeDelta(std::string_view bytes, bool is32, int64_t n, const std::string& place,
                   std::vector<int64_t>* out) {
  size_t position = 0;
  const auto next = [&] {
    uint64_t value = 0;
    if (!ReadVarint(bytes, &position, &value)) DamagedPage(place, "deltas are cut off");
    return value;
  };
  const auto push = [&](uint64_t value) {
    out->push_back(is32 ? static_cast<int32_t>(value) : static_cast<int64_t>(value));
  };
  const uint64_t block = next(), minis = next(), total = next();
  uint64_t last = static_cast<uint64_t>(Unzigzag(next()));
  if (block == 0 || block > (1 << 24) || minis == 0 || block % minis != 0 || block / minis % 8 != 0)
    DamagedPage(place, "blocks of deltas have an impossible size");
  if (total != static_cast<uint64_t>(n)) DamagedPage(place, "it has another number of deltas");
  if (n == 0) return position;
  push(last);
  const uint64_t per_mini = block / minis;
  for (int64_t left = n - 1; left > 0;) {
    const auto least = static_cast<uint64_t>(Unzigzag(next()));
    if (minis > bytes.size() - position) DamagedPage(place, "deltas are cut off");
    const std::string_view widths = bytes.substr(position, minis);
    position += minis;
    for (uint64_t m = 0; m < minis && left > 0; ++m) {
      const int width = static_cast<uint8_t>(widths[m]);
      const uint64_t size = per_mini / 8 * static_cast<uint64_t>(width);
      if (width > 64 || size > bytes.size() - position) DamagedPage(place, "deltas are cut off");
      BitReader bits(bytes.substr(position, size));
      for (uint64_t i = 0; i < per_mini && left > 0; ++i, --left) {
        last += least + bits.Next(width);
        push(last);
      }
      position += size;
    }
  }
  return position;
}

void DecodeDeltaTexts(std::string_view bytes, bool prefixes, int64_t n, const std::string& place,
                      Budget* budget, Values* out) {
  std::vector<int64_t> shared, sizes;
  size_t position = 0;
  if (prefixes) position = DecodeDelta(bytes, true, n, place, &shared);
  position += DecodeDelta(bytes.substr(position), true, n, place, &sizes);
  std::string_view before;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || static_cast<uint64_t>(sizes[i]) > bytes.size() - position)
      DamagedPage(place, "a text is longer than its page");
    std::string_view text = bytes.substr(position, static_cast<size_t>(sizes[i]));
    position += text.size();
    if (prefixes) {
      if (shared[i] < 0 || static_cast<uint64_t>(shared[i]) > before.size())
        DamagedPage(place, "a prefix is longer than the text before");
      if (shared[i] > 0) {
        budget->Take(shared[i] + sizes[i], place);
        std::string whole(before.substr(0, static_cast<size_t>(shared[i])));
        text = out->storage.emplace_back(whole.append(text));
      }
      before = text;
    }
    out->texts.push_back(text);
  }
}

}  // namespace rlvr::parquet
