#include "data/parquet/metadata.h"

#include <cstring>

#include "base/error.h"
#include "data/parquet/thrift.h"

namespace rlvr::parquet {
namespace {

constexpr int kDeepestSchema = 32;

struct SchemaElement {
  int64_t type = -1, repetition = kRequired, num_children = 0, converted = -1, logical = -1;
  std::string name;
};

[[noreturn]] void DamagedFile(const std::string& place, const std::string& what) {
  throw Error(place, "damaged Parquet file: " + what, "write the file again");
}

SchemaElement ReadElement(CompactReader& reader) {
  SchemaElement e;
  reader.Struct([&](int64_t id) {
    if (id == 1) e.type = reader.Integer();
    if (id == 3) e.repetition = reader.Integer();
    if (id == 4) e.name = reader.Binary();
    if (id == 5) e.num_children = reader.Integer();
    if (id == 6) e.converted = reader.Integer();
    if (id == 10) reader.Struct([&](int64_t kind) { e.logical = kind; });
  });
  return e;
}

ColumnChunk ReadChunk(CompactReader& reader) {
  ColumnChunk c;
  reader.Struct([&](int64_t id) {
    if (id == 1) c.elsewhere = !reader.Binary().empty();
    if (id == 8 || id == 9) c.encrypted = true;
    if (id != 3) return;
    reader.Struct([&](int64_t field) {
      if (field == 1) c.type = reader.Integer();
      if (field == 4) c.codec = reader.Integer();
      if (field == 5) c.num_values = reader.Integer();
      if (field == 7) c.total_compressed = reader.Integer();
      if (field == 9) c.data_page = reader.Integer();
      if (field == 11) c.dictionary_page = reader.Integer();
    });
  });
  return c;
}

// Takes elements in depth-first order, as the footer lists them.
class SchemaBuilder {
 public:
  SchemaBuilder(const std::vector<SchemaElement>& elements, const std::string& place)
      : elements_(elements), place_(place) {}

  SchemaNode Build(const SchemaNode* parent, int depth) {
    if (next_ >= elements_.size()) DamagedFile(place_, "the schema ends too early");
    if (depth > kDeepestSchema) DamagedFile(place_, "the schema is too deep");
    const SchemaElement& e = elements_[next_++];
    SchemaNode node;
    node.name = e.name;
    if (parent != nullptr) {
      node.path = parent->path.empty() ? e.name : parent->path + "." + e.name;
      node.repetition = e.repetition;
      if (node.repetition < kRequired || node.repetition > kRepeated)
        DamagedFile(place_, "column '" + node.path + "' has no known repetition");
      node.definition = parent->definition + (node.repetition != kRequired);
      node.repeats = parent->repeats + (node.repetition == kRepeated);
    }
    node.first_leaf = num_leaves_;
    if (e.num_children == 0 && parent != nullptr) {
      node.kind = SchemaNode::Kind::kLeaf;
      node.type = e.type;
      if (e.type < kBoolean || e.type > kFixedLenByteArray)
        DamagedFile(place_, "column '" + node.path + "' has no known type");
      // converted: UTF8 0, ENUM 4, JSON 19; UINT_8 to UINT_64 11 to 14; DECIMAL 5
      node.is_text = e.converted == 0 || e.converted == 4 || e.converted == 19 || e.logical == 1 ||
                     e.logical == 4 || e.logical == 12;
      node.is_unsigned = e.converted >= 11 && e.converted <= 14;
      node.is_decimal = e.converted == 5 || e.logical == 5;
      ++num_leaves_;
    } else {
      if (e.num_children <= 0 || e.num_children > static_cast<int64_t>(elements_.size()))
        DamagedFile(place_, "a group of the schema has no columns");
      for (int64_t i = 0; i < e.num_children; ++i) node.children.push_back(Build(&node, depth + 1));
      const bool one_repeated =
          node.children.size() == 1 && node.children[0].repetition == kRepeated;
      if (one_repeated && (e.converted == 3 || e.logical == 3)) {
        node.kind = SchemaNode::Kind::kList;
        SchemaNode& repeated = node.children[0];
        // Old writers left the middle group out: Parquet's rules for reading their lists.
        repeated.is_element = repeated.kind == SchemaNode::Kind::kStruct &&
                              repeated.children.size() == 1 && repeated.name != "array" &&
                              repeated.name != node.name + "_tuple";
      } else if (one_repeated && (e.converted == 1 || e.converted == 2 || e.logical == 2) &&
                 node.children[0].children.size() == 2) {
        node.kind = SchemaNode::Kind::kMap;
      }
    }
    node.num_leaves = num_leaves_ - node.first_leaf;
    return node;
  }
  bool Done() const { return next_ == elements_.size(); }

 private:
  const std::vector<SchemaElement>& elements_;
  const std::string& place_;
  size_t next_ = 0;
  int num_leaves_ = 0;
};

void CollectLeaves(const SchemaNode& node, std::vector<const SchemaNode*>* leaves) {
  if (node.kind == SchemaNode::Kind::kLeaf) leaves->push_back(&node);
  for (const SchemaNode& child : node.children) CollectLeaves(child, leaves);
}

}  // namespace

const char* TypeName(int64_t type) {
  static const char* const names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                      "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
  return type >= 0 && type < 8 ? names[type] : "an unknown type";
}

std::string EncodingName(int64_t encoding) {
  static const char* const names[] = {
      "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
      "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
      "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
  return encoding >= 0 && encoding < 10 ? names[encoding] : "number " + std::to_string(encoding);
}

std::string CodecName(int64_t codec) {
  static const char* const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
                                      "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};
  return codec >= 0 && codec < 8 ? names[codec] : "number " + std::to_string(codec);
}

void ReadMetadata(std::string_view file, const std::string& place, Metadata* metadata) {
  const std::string_view head = file.substr(0, 4),
                         tail = file.substr(file.size() < 4 ? 0 : file.size() - 4);
  if (tail == "PARE" || head == "PARE")
    throw Error(place, "is an encrypted Parquet file", "decrypt it first");
  if (file.size() < 12 || head != "PAR1")
    throw Error(place, "is no Parquet file: it does not begin with PAR1", "check the name's end");
  if (tail != "PAR1") DamagedFile(place, "it is cut off, PAR1 at its end is missing");
  uint32_t length = 0;
  std::memcpy(&length, file.data() + file.size() - 8, 4);
  if (length > file.size() - 12) DamagedFile(place, "the footer is longer than the file");
  CompactReader reader(file.substr(file.size() - 8 - length, length), place);

  std::vector<SchemaElement> elements;
  bool encrypted = false;
  reader.Struct([&](int64_t id) {
    if (id == 2) reader.List([&] { elements.push_back(ReadElement(reader)); });
    if (id == 3) metadata->num_rows = reader.Integer();
    if (id == 4) {
      reader.List([&] {
        RowGroup& group = metadata->groups.emplace_back();
        reader.Struct([&](int64_t field) {
          if (field == 1) reader.List([&] { group.columns.push_back(ReadChunk(reader)); });
          if (field == 3) group.num_rows = reader.Integer();
        });
      });
    }
    if (id == 8) encrypted = true;
  });
  if (encrypted) throw Error(place, "is an encrypted Parquet file", "decrypt it first");

  SchemaBuilder builder(elements, place);
  metadata->root = builder.Build(nullptr, 0);
  if (!builder.Done()) DamagedFile(place, "the schema has columns beside its root");
  CollectLeaves(metadata->root, &metadata->leaves);
  int64_t rows = 0;
  for (const RowGroup& group : metadata->groups) {
    if (group.columns.size() != metadata->leaves.size())
      DamagedFile(place, "a row group has not the schema's columns");
    if (group.num_rows < 0 || group.num_rows > metadata->num_rows - rows)
      DamagedFile(place, "a row group has an impossible number of rows");
    rows += group.num_rows;
  }
  if (rows != metadata->num_rows) DamagedFile(place, "its row groups have not its number of rows");
}

size_t ReadPageHeader(std::string_view bytes, const std::string& place, PageHeader* header) {
  CompactReader reader(bytes, place);
  reader.Struct([&](int64_t id) {
    if (id == 1) header->kind = reader.Integer();
    if (id == 2) header->uncompressed = reader.Integer();
    if (id == 3) header->compressed = reader.Integer();
    if (id == 4) {
      header->crc = static_cast<uint32_t>(reader.Integer());
      header->has_crc = true;
    }
    if (id == 5 || id == 7) {
      reader.Struct([&](int64_t field) {
        if (field == 1) header->num_values = reader.Integer();
        if (field == 2) header->encoding = reader.Integer();
        if (id == 5 && field == 3) header->definition_encoding = reader.Integer();
        if (id == 5 && field == 4) header->repetition_encoding = reader.Integer();
      });
    }
    if (id == 8) {
      reader.Struct([&](int64_t field) {
        if (field == 1) header->num_values = reader.Integer();
        if (field == 4) header->encoding = reader.Integer();
        if (field == 5) header->definition_bytes = reader.Integer();
        if (field == 6) header->repetition_bytes = reader.Integer();
        if (field == 7) header->is_compressed = reader.Bool();
      });
    }
  });
  return reader.position();
}

}  // namespace rlvr::parquet
