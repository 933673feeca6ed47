// What a Parquet file says of itself: the schema as a tree and where the columns' pages lie.
#ifndef RLVR_DATA_PARQUET_METADATA_H_
#define RLVR_DATA_PARQUET_METADATA_H_
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr::parquet {

enum Type { kBoolean, kInt32, kInt64, kInt96, kFloat, kDouble, kByteArray, kFixedLenByteArray };
enum Repetition { kRequired, kOptional, kRepeated };
enum Encoding {
  kPlain = 0,
  kPlainDictionary = 2,
  kRle = 3,
  kBitPacked = 4,
  kDeltaBinaryPacked = 5,
  kDeltaLengthByteArray = 6,
  kDeltaByteArray = 7,
  kRleDictionary = 8,
  kByteStreamSplit = 9
};
enum Codec { kUncompressed, kSnappy, kGzip, kLzo, kBrotli, kLz4, kZstd, kLz4Raw };

const char* TypeName(int64_t type);
std::string EncodingName(int64_t encoding);
std::string CodecName(int64_t codec);

// A node of the schema. Levels: how many optional or repeated nodes lie between the root and here,
// this one included.
struct SchemaNode {
  enum class Kind : uint8_t { kLeaf, kStruct, kList, kMap } kind = Kind::kStruct;
  std::string name, path;  // path: "prompt.list.element.role"
  int64_t type = -1;       // of a leaf
  int64_t repetition = kRequired;
  int definition = 0, repeats = 0;  // levels
  bool is_text = false;             // annotated as text
  bool is_unsigned = false;
  bool is_decimal = false;
  bool is_element = false;  // of a repeated group whose only child is the element: the group
  int first_leaf = 0, num_leaves = 0;
  std::vector<SchemaNode> children;
};

struct ColumnChunk {
  int64_t type = -1, codec = 0, num_values = 0;
  int64_t total_compressed = 0, data_page = 0, dictionary_page = 0;  // dictionary_page 0: none
  bool encrypted = false, elsewhere = false;                         // in another file
};
struct RowGroup {
  int64_t num_rows = 0;
  std::vector<ColumnChunk> columns;  // one per leaf
};
struct Metadata {
  SchemaNode root;
  std::vector<const SchemaNode*> leaves;  // into root
  std::vector<RowGroup> groups;
  int64_t num_rows = 0;
};

struct PageHeader {
  enum Kind { kData = 0, kIndex = 1, kDictionary = 2, kDataV2 = 3 };
  int64_t kind = -1, uncompressed = -1, compressed = -1, num_values = -1, encoding = -1;
  int64_t definition_encoding = kRle, repetition_encoding = kRle;  // version 1
  int64_t definition_bytes = 0, repetition_bytes = 0;              // version 2
  bool is_compressed = true, has_crc = false;
  uint32_t crc = 0;
};

// Of the footer, which ends the file. Throws Error for what is damaged or encrypted.
void ReadMetadata(std::string_view file, const std::string& place, Metadata* metadata);
// At the start of `bytes`; returns the header's length.
size_t ReadPageHeader(std::string_view bytes, const std::string& place, PageHeader* header);

}  // namespace rlvr::parquet
#endif  // RLVR_DATA_PARQUET_METADATA_H_
