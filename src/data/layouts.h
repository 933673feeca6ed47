// How the rows of a file become prompts: the field's (verl's) columns, or one of the plain layouts
// that public data sets have, recognised by their columns (docs/prompts.md lists them).
#ifndef RLVR_DATA_LAYOUTS_H_
#define RLVR_DATA_LAYOUTS_H_
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/data.h"

namespace rlvr {

class RowLayout {
 public:
  // By the columns of a file's first row. place: "gsm8k.jsonl:1", for Errors; stem: the file's name
  // without folder and ending, the data_source of layouts that have none.
  RowLayout(const nlohmann::ordered_json& first_row, const PromptFileSettings& settings,
            const std::string& stem, const std::string& place);
  // "GSM8K (question, answer after ####)"
  const std::string& description() const { return description_; }
  Prompt Parse(const nlohmann::ordered_json& row, const std::string& place, int64_t index) const;

 private:
  enum class Kind : uint8_t {
    kMapped,
    kColumns,
    kSharded,
    kInstructions,
    kCountdown,
    kSvamp,
    kOlympiad,
    kGsm8k,
    kQuestion,
    kMath,
    kProblem,
    kPrompt
  };
  void Recognise(const nlohmann::ordered_json& row, const std::string& place);
  void Fill(const nlohmann::ordered_json& row, const std::string& place, Prompt* p) const;
  PromptFileSettings settings_;
  std::string stem_, description_;
  Kind kind_ = Kind::kColumns;
};

}  // namespace rlvr
#endif  // RLVR_DATA_LAYOUTS_H_
