// Parquet's encodings of levels and values within a page, https://parquet.apache.org/docs/
// file-format/data-pages/encodings. Decoders take a page's bytes, check every length against them
// and throw Error at `place`.
#ifndef RLVR_DATA_PARQUET_ENCODING_H_
#define RLVR_DATA_PARQUET_ENCODING_H_
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "data/parquet/budget.h"

namespace rlvr::parquet {

// Values of a column, of one of these kinds: whole numbers and truth values, floating-point numbers,
// texts. Texts point into `storage` or into the file.
struct Values {
  std::vector<int64_t> integers;
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::deque<std::string> storage;
  size_t size() const { return integers.size() + numbers.size() + texts.size(); }
};

// The hybrid of run lengths and bit-packed groups: n numbers of `width` bits, appended to out.
void DecodeHybrid(std::string_view bytes, int width, int64_t n, const std::string& place,
                  std::vector<uint32_t>* out);
// Appends n values of a `type` (metadata.h). PLAIN:
void DecodePlain(std::string_view bytes, int64_t type, int64_t n, const std::string& place,
                 Values* out);
// Indices into the dictionary, which has the same kind.
void DecodeDictionary(std::string_view bytes, const Values& dictionary, int64_t n,
                      const std::string& place, Values* out);
// DELTA_BINARY_PACKED; returns how many bytes it took. is32: sums wrap at 32 bits.
size_t DecodeDelta(std::string_view bytes, bool is32, int64_t n, const std::string& place,
                   std::vector<int64_t>* out);
// DELTA_LENGTH_BYTE_ARRAY and, with prefixes, DELTA_BYTE_ARRAY.
void DecodeDeltaTexts(std::string_view bytes, bool prefixes, int64_t n, const std::string& place,
                      Budget* budget, Values* out);

}  // namespace rlvr::parquet
#endif  // RLVR_DATA_PARQUET_ENCODING_H_
