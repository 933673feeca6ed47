#include "data/parquet/parquet.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/parquet/column.h"
#include "data/parquet/metadata.h"

namespace rlvr {
namespace parquet {
namespace {

using Json = nlohmann::ordered_json;

// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < length) return false;
    uint32_t code = lead & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<uint8_t>(text[i + k]);
      if ((byte & 0xc0) != 0x80) return false;
      code = code << 6 | (byte & 0x3f);
    }
    if (length == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) return false;
    if (length == 4 && (code < 0x10000 || code > 0x10ffff)) return false;
    i += length;
  }
  return true;
}

// Puts rows together from their columns' levels (Dremel's record assembly). The first leaf below a
// node decides whether the node is null, empty or goes on; the others must say the same.
class Assembler {
 public:
  Assembler(const Metadata& metadata, const std::string& place, std::vector<Column> columns,
            Budget* budget)
      : metadata_(metadata),
        place_(place),
        budget_(budget),
        columns_(std::move(columns)),
        at_(columns_.size()) {}

  Json Row() {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (Repetition(i) != 0) Damaged(i, "a row begins within a list");
    }
    return ReadPresent(metadata_.root);
  }
  void CheckDone() const {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (at_[i].entry != columns_[i].num_entries) Damaged(i, "it has more values than rows");
    }
  }

 private:
  struct Cursor {
    int64_t entry = 0;
    size_t value = 0;
  };

  [[noreturn]] void Damaged(size_t leaf, const char* what) const {
    throw Error(place_ + ": column '" + metadata_.leaves[leaf]->path + "'",
                std::string("damaged Parquet file: ") + what, "write the file again");
  }
  int Definition(size_t leaf) const {
    const Column& c = columns_[leaf];
    if (at_[leaf].entry >= c.num_entries) Damaged(leaf, "it has fewer values than rows");
    return c.definition.empty() ? metadata_.leaves[leaf]->definition
                                : c.definition[static_cast<size_t>(at_[leaf].entry)];
  }
  int Repetition(size_t leaf) const {
    const Column& c = columns_[leaf];
    if (at_[leaf].entry >= c.num_entries) Damaged(leaf, "it has fewer values than rows");
    return c.repetition.empty() ? 0 : c.repetition[static_cast<size_t>(at_[leaf].entry)];
  }
  // Nothing is below the node in this entry: every leaf must agree.
  void SkipAbsent(const SchemaNode& node) {
    for (int i = node.first_leaf; i < node.first_leaf + node.num_leaves; ++i) {
      const auto leaf = static_cast<size_t>(i);
      if (Definition(leaf) >= node.definition) Damaged(leaf, "its levels disagree with others");
      ++at_[leaf].entry;
    }
  }

  Json Read(const SchemaNode& node) {
    const auto leaf = static_cast<size_t>(node.first_leaf);
    if (node.repetition == kRepeated) return ReadList(node);
    if (node.repetition == kOptional && Definition(leaf) < node.definition) {
      SkipAbsent(node);
      return nullptr;
    }
    return ReadPresent(node);
  }

  Json ReadList(const SchemaNode& repeated) {
    Json list = Json::array();
    const auto leaf = static_cast<size_t>(repeated.first_leaf);
    if (Definition(leaf) < repeated.definition) {
      SkipAbsent(repeated);
      return list;
    }
    do {
      list.push_back(repeated.is_element ? Read(repeated.children[0]) : ReadPresent(repeated));
    } while (at_[leaf].entry < columns_[leaf].num_entries && Repetition(leaf) == repeated.repeats);
    return list;
  }

  Json ReadPresent(const SchemaNode& node) {
    switch (node.kind) {
      case SchemaNode::Kind::kLeaf:
        return ReadLeaf(node);
      case SchemaNode::Kind::kList:
        return ReadList(node.children[0]);
      case SchemaNode::Kind::kMap:
        return ReadMap(node);
      case SchemaNode::Kind::kStruct:
        break;
    }
    Json object = Json::object();
    for (const SchemaNode& child : node.children) object[child.name] = Read(child);
    return object;
  }

  // An object if the keys are text, else a list of what the pairs are.
  Json ReadMap(const SchemaNode& node) {
    Json pairs = ReadList(node.children[0]);
    const std::string &key = node.children[0].children[0].name,
                      &value = node.children[0].children[1].name;
    Json object = Json::object();
    for (Json& pair : pairs) {
      if (!pair[key].is_string()) return pairs;
      object[pair[key].get<std::string>()] = pair[value];
    }
    return object;
  }

  Json ReadLeaf(const SchemaNode& node) {
    const auto leaf = static_cast<size_t>(node.first_leaf);
    if (Definition(leaf) != node.definition) Damaged(leaf, "its levels disagree with others");
    ++at_[leaf].entry;
    const Values& values = columns_[leaf].values;
    const size_t i = at_[leaf].value++;
    if (i >= values.size()) Damaged(leaf, "it has fewer values than levels");
    if (node.type == kBoolean) return values.integers[i] != 0;
    if (node.type == kFloat || node.type == kDouble) {
      if (!std::isfinite(values.numbers[i])) return nullptr;
      return values.numbers[i];
    }
    if (node.type == kByteArray) return Text(node, leaf, values.texts[i]);
    if (!node.is_unsigned) return values.integers[i];
    const auto bits = static_cast<uint64_t>(values.integers[i]);
    return node.type == kInt32 ? bits & 0xffffffffu : bits;
  }

  Json Text(const SchemaNode& node, size_t leaf, std::string_view text) const {
    budget_->Take(static_cast<int64_t>(text.size()), place_);
    if (IsUtf8(text)) return text;
    if (node.is_text) Damaged(leaf, "a text is not UTF-8");
    return Json::binary({text.begin(), text.end()});
  }

  const Metadata& metadata_;
  const std::string& place_;
  Budget* budget_;
  std::vector<Column> columns_;
  std::vector<Cursor> at_;
};

}  // namespace
}  // namespace parquet

struct ParquetReader::State {
  std::string_view bytes;
  std::string place;
  parquet::Metadata metadata;
};

ParquetReader::ParquetReader(std::string_view bytes, std::string place)
    : state_(std::make_unique<State>()) {
  state_->bytes = bytes;
  state_->place = std::move(place);
  parquet::ReadMetadata(bytes, state_->place, &state_->metadata);
}

ParquetReader::~ParquetReader() = default;

int64_t ParquetReader::num_rows() const { return state_->metadata.num_rows; }

int64_t ParquetReader::num_row_groups() const {
  return static_cast<int64_t>(state_->metadata.groups.size());
}

std::vector<nlohmann::ordered_json> ParquetReader::ReadRowGroup(int64_t group) const {
  const parquet::Metadata& metadata = state_->metadata;
  const parquet::RowGroup& rows = metadata.groups.at(static_cast<size_t>(group));
  parquet::Budget budget(state_->bytes.size());
  std::vector<parquet::Column> columns;
  columns.reserve(metadata.leaves.size());  // texts point into a column: none may be copied
  for (size_t i = 0; i < metadata.leaves.size(); ++i) {
    columns.push_back(parquet::ReadColumn(state_->bytes, *metadata.leaves[i], rows.columns[i],
                                          state_->place, &budget));
  }
  parquet::Assembler assembler(metadata, state_->place, std::move(columns), &budget);
  std::vector<nlohmann::ordered_json> out;
  for (int64_t i = 0; i < rows.num_rows; ++i) out.push_back(assembler.Row());
  assembler.CheckDone();
  return out;
}

}  // namespace rlvr
