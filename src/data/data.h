// Prompts: from JSONL files or from seeded generators that need no download.
#ifndef RLVR_DATA_DATA_H_
#define RLVR_DATA_DATA_H_
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rlvr {

// One row, in the field's columns.
struct Prompt {
  std::vector<std::pair<std::string, std::string>>
      messages;             // role, content; a plain string is one user message
  std::string data_source;  // selects the verifier
  std::string ability;
  std::string ground_truth;  // reward_model.ground_truth; for countdown JSON {"target": 24,
                             // "numbers": [1, 2, 3, 4]}
  std::string extra_info;    // JSON text, kept as it was
  std::string target;        // an expert's response, where the data has one; else empty
  int64_t index = 0;         // row in its data set
  bool operator==(const Prompt&) const = default;
};

// How files are read whose own columns do not say all.
struct PromptFileSettings {
  // Columns of the prompt (text or messages), of the answer and of the data_source; "": by the layout
  // (docs/prompts.md).
  std::string prompt_column, answer_column, source_column;
  std::string instruction;  // stands, after a space, at the end of each prompt's last user message
  std::string system;       // the system message of each prompt, in place of its own
};

// extra_info[key] of a prompt as text ("7" and 7 are alike): the name of its family. Where there is
// none, or it is neither text nor a number: an Error at `place`.
std::string FamilyOf(const Prompt& prompt, const std::string& key, const std::string& place);

enum class Split : uint8_t { kTrain, kValidation, kTest };
const char* ToString(Split split);
Split ParseSplit(const std::string& name);  // throws Error

// A data set: random access by row.
class PromptSource {
 public:
  virtual ~PromptSource() = default;
  virtual int64_t size() const = 0;
  virtual Prompt Get(int64_t index) const = 0;  // 0 <= index < size()
  virtual std::string name() const = 0;
  // How a file's rows were read, a line per file: "GSM8K (question, answer after ####)"; "": no file.
  virtual std::string layout() const { return ""; }
};

// name: a path ending in .jsonl, .json or .parquet, packed as .jsonl.gz or .json.gz, or "gsm_micro",
// "countdown" with options "gsm_micro:max_steps=4,min_steps=2"; or several of these with ';' between,
// which follow each other. An unknown name or option names the nearest known one. With
// "gsm_micro:shards=true", and of a JSONL with shards, extra_info has what ReadShards reads
// (data/shards.h).
std::unique_ptr<PromptSource> OpenPrompts(const std::string& name, Split split, uint64_t seed,
                                          const PromptFileSettings& settings = {});
struct DataSourceInfo {
  std::string name, description;
};
const std::vector<DataSourceInfo>& EmbeddedDataSources();

// A JSONL line in the field's columns (prompt, data_source, ability, reward_model, extra_info).
std::string ToJsonLine(const Prompt& prompt);

// Numbers of the families of all prompts [size], in the order of their first rows.
std::vector<int32_t> FamiliesOf(const PromptSource& prompts, const std::string& key);

// Order of training prompts: epoch e is a permutation of the rows that depends on (seed, e) alone.
// Position is a plain count, so resuming is setting it. With families [size], all rows of one follow
// its first in the permutation.
class PromptOrder {
 public:
  PromptOrder(int64_t size, uint64_t seed, std::vector<int32_t> family = {})
      : size_(size), seed_(seed), family_(std::move(family)) {}
  int64_t At(int64_t position);                                              // row
  int64_t OccurrenceAt(int64_t position) const { return position / size_; }  // epoch

 private:
  int32_t FamilyAt(int64_t i) const {
    return family_[static_cast<size_t>(permutation_[static_cast<size_t>(i)])];
  }

  int64_t size_;
  uint64_t seed_;
  std::vector<int32_t> family_;
  int64_t epoch_ = -1;
  std::vector<int64_t> permutation_;
};

}  // namespace rlvr
#endif  // RLVR_DATA_DATA_H_
