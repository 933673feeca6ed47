#include "data/prompt_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "data/jsonl.h"
#include "data/layouts.h"
#include "data/parquet/codec.h"
#include "data/parquet/parquet.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kLargestUnpacked = int64_t{1} << 32;

// data/aime2024.jsonl.gz -> aime2024
std::string Stem(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  return name.substr(0, name.find('.', 1));
}

class LinesSource : public PromptSource {
 public:
  LinesSource(const std::string& path, const PromptFileSettings& settings) : path_(path) {
    if (path.ends_with(".gz")) {
      unpacked_ = Gunzip(MappedFile(path).bytes(), kLargestUnpacked, path);
    } else {
      file_.emplace(path);
    }
    const std::string_view text = bytes();
    int64_t number = 0;
    for (size_t begin = 0; begin < text.size();) {
      size_t end = text.find('\n', begin);
      if (end == std::string_view::npos) end = text.size();
      ++number;
      if (text.substr(begin, end - begin).find_first_not_of(" \t\r") != std::string_view::npos) {
        lines_.push_back({begin, end - begin, number});
        if (!layout_) layout_.emplace(Row(lines_[0]), settings, Stem(path), Place(lines_[0]));
        Get(size() - 1);  // a broken line is found before training starts, not on its turn
      }
      begin = end + 1;
    }
    if (lines_.empty()) throw Error(path, "holds no prompts", "one JSON object a line is needed");
  }
  int64_t size() const override { return static_cast<int64_t>(lines_.size()); }
  Prompt Get(int64_t index) const override {
    const Line& line = lines_.at(static_cast<size_t>(index));
    return layout_->Parse(Row(line), Place(line), index);
  }
  std::string name() const override { return path_; }
  std::string layout() const override { return layout_->description(); }

 private:
  struct Line {
    size_t begin, length;
    int64_t number;
  };
  std::string_view bytes() const { return file_ ? file_->bytes() : std::string_view(unpacked_); }
  std::string Place(const Line& line) const { return fmt::format("{}:{}", path_, line.number); }
  Json Row(const Line& line) const {
    return ParseRow(std::string(bytes().substr(line.begin, line.length)), Place(line));
  }

  std::string path_;
  std::optional<MappedFile> file_;
  std::string unpacked_;
  std::optional<RowLayout> layout_;
  std::vector<Line> lines_;
};

// Rows in memory. Some data sets hold each prompt a hundred times: equal ones are kept once.
class TableSource : public PromptSource {
 public:
  TableSource(std::string path, const PromptFileSettings& settings)
      : path_(std::move(path)), settings_(settings) {}
  void Add(const Json& row) {
    const std::string place = fmt::format("{}: row {}", path_, rows_.size() + 1);
    if (!layout_) {
      if (!row.is_object()) throw Error(place, "is no JSON object", "mend or remove this row");
      layout_.emplace(row, settings_, Stem(path_), place);
    }
    Prompt prompt = layout_->Parse(row, place, static_cast<int64_t>(rows_.size()));
    prompt.index = 0;
    const auto [known, is_new] = first_.emplace(Checksum(ToJsonLine(prompt)), prompts_.size());
    if (is_new || prompts_[known->second] != prompt) {
      rows_.push_back(prompts_.size());
      prompts_.push_back(std::move(prompt));
    } else {
      rows_.push_back(known->second);
    }
  }
  void Finish() {
    first_ = {};
    if (rows_.empty()) throw Error(path_, "holds no prompts", "rows are needed");
  }
  int64_t size() const override { return static_cast<int64_t>(rows_.size()); }
  Prompt Get(int64_t index) const override {
    Prompt prompt = prompts_[rows_.at(static_cast<size_t>(index))];
    prompt.index = index;
    return prompt;
  }
  std::string name() const override { return path_; }
  std::string layout() const override { return layout_->description(); }

 private:
  std::string path_;
  PromptFileSettings settings_;
  std::optional<RowLayout> layout_;
  std::vector<Prompt> prompts_;
  std::vector<size_t> rows_;  // index into prompts_
  std::unordered_map<std::string, size_t> first_;
};

std::unique_ptr<PromptSource> OpenParquet(const std::string& path,
                                          const PromptFileSettings& settings) {
  const MappedFile file(path);
  const ParquetReader reader(file.bytes(), path);
  auto table = std::make_unique<TableSource>(path, settings);
  for (int64_t g = 0; g < reader.num_row_groups(); ++g) {
    for (const Json& row : reader.ReadRowGroup(g)) table->Add(row);
  }
  table->Finish();
  return table;
}

// A JSON array of rows; nullptr if the file is none (many .json files hold JSON lines).
std::unique_ptr<PromptSource> OpenArray(const std::string& path,
                                        const PromptFileSettings& settings) {
  const MappedFile file(path);
  std::string unpacked;
  std::string_view text = file.bytes();
  if (path.ends_with(".gz")) text = unpacked = Gunzip(text, kLargestUnpacked, path);
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || text[begin] != '[') return nullptr;
  Json rows;
  try {
    rows = Json::parse(text);
  } catch (const Json::parse_error& e) {
    throw Error(path, "is not JSON: " + std::string(e.what()), "mend the file");
  }
  auto table = std::make_unique<TableSource>(path, settings);
  for (const Json& row : rows) table->Add(row);
  table->Finish();
  return table;
}

class JoinedSource : public PromptSource {
 public:
  explicit JoinedSource(std::vector<std::unique_ptr<PromptSource>> sources)
      : sources_(std::move(sources)) {
    for (const auto& source : sources_) size_ += source->size();
  }
  int64_t size() const override { return size_; }
  Prompt Get(int64_t index) const override {
    int64_t row = index;
    for (const auto& source : sources_) {
      if (row < source->size()) {
        Prompt prompt = source->Get(row);
        prompt.index = index;
        return prompt;
      }
      row -= source->size();
    }
    throw Error(name(), fmt::format("has no prompt {}", index), "");
  }
  std::string name() const override {
    std::string names;
    for (const auto& source : sources_) names += (names.empty() ? "" : ";") + source->name();
    return names;
  }
  std::string layout() const override {
    std::string layouts;
    for (const auto& source : sources_) layouts += (layouts.empty() ? "" : "; ") + source->layout();
    return layouts;
  }

 private:
  std::vector<std::unique_ptr<PromptSource>> sources_;
  int64_t size_ = 0;
};

}  // namespace

bool IsPromptFile(const std::string& name) {
  for (const char* ending : {".jsonl", ".json", ".jsonl.gz", ".json.gz", ".parquet"}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

std::unique_ptr<PromptSource> OpenPromptFile(const std::string& path,
                                             const PromptFileSettings& settings) {
  if (path.ends_with(".parquet")) return OpenParquet(path, settings);
  if (path.ends_with(".json") || path.ends_with(".json.gz")) {
    if (auto array = OpenArray(path, settings)) return array;
  }
  return std::make_unique<LinesSource>(path, settings);
}

std::unique_ptr<PromptSource> JoinPrompts(std::vector<std::unique_ptr<PromptSource>> sources) {
  return std::make_unique<JoinedSource>(std::move(sources));
}

}  // namespace rlvr
