#include "data/parquet/column.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "data/parquet/codec.h"

namespace rlvr::parquet {
namespace {

class ChunkReader {
 public:
  ChunkReader(std::string_view file, const SchemaNode& leaf, const ColumnChunk& chunk,
              std::string place, Budget* budget)
      : file_(file), leaf_(leaf), chunk_(chunk), place_(std::move(place)), budget_(budget) {}

  Column Read() {
    CheckChunk();
    int64_t begin = chunk_.data_page;
    if (chunk_.dictionary_page > 0) begin = std::min(begin, chunk_.dictionary_page);
    const auto size = static_cast<int64_t>(file_.size());
    if (begin < 0 || begin > size || chunk_.total_compressed < 0 ||
        chunk_.total_compressed > size - begin)
      Damaged("its pages lie beyond the file");
    std::string_view pages =
        file_.substr(static_cast<size_t>(begin), static_cast<size_t>(chunk_.total_compressed));
    while (column_.num_entries < chunk_.num_values) {
      if (pages.empty()) Damaged("it has too few pages");
      PageHeader header;
      pages.remove_prefix(ReadPageHeader(pages, place_, &header));
      if (header.compressed < 0 || static_cast<uint64_t>(header.compressed) > pages.size())
        Damaged("a page is longer than its column");
      budget_->Take(header.uncompressed, place_);
      if (header.num_values < 0 && header.kind != PageHeader::kIndex)
        Damaged("a page has an impossible number of values");
      budget_->TakeValues(std::max<int64_t>(header.num_values, 0), place_);
      const std::string_view page = pages.substr(0, static_cast<size_t>(header.compressed));
      pages.remove_prefix(page.size());
      if (header.has_crc && Crc32(page) != header.crc) Damaged("a page's checksum is wrong");
      ReadPage(header, page);
    }
    return std::move(column_);
  }

 private:
  [[noreturn]] void Damaged(const char* what) const {
    throw Error(place_, std::string("damaged Parquet file: ") + what, "write the file again");
  }

  void CheckChunk() const {
    if (chunk_.encrypted) throw Error(place_, "is encrypted", "decrypt the file first");
    if (chunk_.elsewhere)
      throw Error(place_, "lies in another file", "write one file that holds all columns");
    if (leaf_.type == kInt96 || leaf_.type == kFixedLenByteArray || leaf_.is_decimal)
      throw Error(place_,
                  std::string("has the type ") + TypeName(leaf_.type) +
                      (leaf_.is_decimal ? " (DECIMAL)" : "") + ", which is not read",
                  "write it as text or as 64-bit numbers, or leave the column out");
    if (chunk_.type != leaf_.type) Damaged("its pages have another type than the schema");
  }

  void ReadPage(const PageHeader& header, std::string_view page) {
    if (header.kind == PageHeader::kIndex) return;
    if (header.kind == PageHeader::kDictionary) {
      if (header.encoding != kPlain && header.encoding != kPlainDictionary)
        Unsupported("dictionary", header.encoding);
      if (has_dictionary_) Damaged("it has two dictionaries");
      has_dictionary_ = true;
      DecodePlain(Unpacked(page, header.uncompressed, true), leaf_.type, header.num_values, place_,
                  &dictionary_);
      return;
    }
    if (header.num_values > chunk_.num_values - column_.num_entries)
      Damaged("its pages have more values than it");
    const int64_t n = header.num_values;
    int64_t present = n;
    std::string_view values;
    if (header.kind == PageHeader::kData) {
      values = Unpacked(page, header.uncompressed, true);
      if (leaf_.repeats > 0)
        Levels(PrefixedLevels(header.repetition_encoding, &values), leaf_.repeats, n,
               &column_.repetition);
      if (leaf_.definition > 0)
        present = Levels(PrefixedLevels(header.definition_encoding, &values), leaf_.definition, n,
                         &column_.definition);
    } else if (header.kind == PageHeader::kDataV2) {
      const auto repetition = header.repetition_bytes, definition = header.definition_bytes;
      const auto size = static_cast<int64_t>(page.size());
      if (repetition < 0 || repetition > size || definition < 0 || definition > size - repetition ||
          header.uncompressed < repetition + definition)
        Damaged("a page's levels are longer than it");
      if (leaf_.repeats > 0)
        Levels(page.substr(0, static_cast<size_t>(repetition)), leaf_.repeats, n,
               &column_.repetition);
      page.remove_prefix(static_cast<size_t>(repetition));
      if (leaf_.definition > 0)
        present = Levels(page.substr(0, static_cast<size_t>(definition)), leaf_.definition, n,
                         &column_.definition);
      page.remove_prefix(static_cast<size_t>(definition));
      const int64_t rest = header.uncompressed - repetition - definition;
      if (rest > 0) values = Unpacked(page, rest, header.is_compressed);
    } else {
      Damaged("a page is of an unknown kind");
    }
    DecodeValues(header.encoding, values, present);
    column_.num_entries += n;
  }

  // A page's bytes, which stay as long as the column.
  std::string_view Unpacked(std::string_view page, int64_t size, bool is_compressed) {
    if (chunk_.codec != kUncompressed && is_compressed)
      return column_.values.storage.emplace_back(Decompress(chunk_.codec, page, size, place_));
    if (static_cast<int64_t>(page.size()) != size) Damaged("a page has another size than it says");
    return page;
  }

  // Takes a page's levels of version 1 off its values.
  std::string_view PrefixedLevels(int64_t encoding, std::string_view* values) const {
    if (encoding != kRle) Unsupported("levels", encoding);
    uint32_t size = 0;
    if (values->size() < 4) Damaged("a page's levels are cut off");
    std::memcpy(&size, values->data(), 4);
    if (size > values->size() - 4) Damaged("a page's levels are longer than it");
    const std::string_view levels = values->substr(4, size);
    values->remove_prefix(4 + size);
    return levels;
  }

  // Appends n levels of at most `most`; returns how many are `most`.
  int64_t Levels(std::string_view bytes, int most, int64_t n, std::vector<uint8_t>* out) {
    std::vector<uint32_t> levels;
    DecodeHybrid(bytes, std::bit_width(static_cast<unsigned>(most)), n, place_, &levels);
    int64_t full = 0;
    for (const uint32_t level : levels) {
      if (level > static_cast<uint32_t>(most)) Damaged("a level is too high");
      full += level == static_cast<uint32_t>(most);
      out->push_back(static_cast<uint8_t>(level));
    }
    return full;
  }

  void DecodeValues(int64_t encoding, std::string_view bytes, int64_t n) {
    Values& out = column_.values;
    const bool whole = leaf_.type == kInt32 || leaf_.type == kInt64;
    if (encoding == kPlain) {
      DecodePlain(bytes, leaf_.type, n, place_, &out);
    } else if (encoding == kPlainDictionary || encoding == kRleDictionary) {
      if (!has_dictionary_) Damaged("its dictionary is missing");
      DecodeDictionary(bytes, dictionary_, n, place_, &out);
    } else if (encoding == kRle && leaf_.type == kBoolean) {
      if (n == 0) return;
      std::vector<uint32_t> bits;
      DecodeHybrid(PrefixedLevels(kRle, &bytes), 1, n, place_, &bits);
      out.integers.insert(out.integers.end(), bits.begin(), bits.end());
    } else if (encoding == kDeltaBinaryPacked && whole) {
      if (n > 0) DecodeDelta(bytes, leaf_.type == kInt32, n, place_, &out.integers);
    } else if ((encoding == kDeltaLengthByteArray || encoding == kDeltaByteArray) &&
               leaf_.type == kByteArray) {
      if (n > 0) DecodeDeltaTexts(bytes, encoding == kDeltaByteArray, n, place_, budget_, &out);
    } else {
      Unsupported(TypeName(leaf_.type), encoding);
    }
  }

  [[noreturn]] void Unsupported(const std::string& what, int64_t encoding) const {
    throw Error(place_, what + " in the encoding " + EncodingName(encoding) + " is not read",
                "write the file as pyarrow does by default");
  }

  std::string_view file_;
  const SchemaNode& leaf_;
  const ColumnChunk& chunk_;
  std::string place_;
  Budget* budget_;
  Column column_;
  Values dictionary_;
  bool has_dictionary_ = false;
};

}  // namespace

Column ReadColumn(std::string_view file, const SchemaNode& leaf, const ColumnChunk& chunk,
                  const std::string& place, Budget* budget) {
  return ChunkReader(file, leaf, chunk, place + ": column '" + leaf.path + "'", budget).Read();
}

}  // namespace rlvr::parquet
