// Rows in the field's columns, or records of lost-in-conversation (question, answer or ground_truth,
// shards), as JSON. A broken row is an Error that names its place.
#ifndef RLVR_DATA_JSONL_H_
#define RLVR_DATA_JSONL_H_
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/data.h"

namespace rlvr {
nlohmann::ordered_json ParseRow(const std::string& line, const std::string& place);  // an object
Prompt ParseColumns(const nlohmann::ordered_json& row, const std::string& place, int64_t index,
                    const std::string& prompt_column = "prompt");
Prompt ParseShardedRecord(const nlohmann::ordered_json& row, const std::string& place,
                          int64_t index);
// Messages of a prompt column: text is one user message.
void ReadMessages(const nlohmann::ordered_json& prompt, const std::string& place, Prompt* p);
// A column that must be there.
const nlohmann::ordered_json& Column(const nlohmann::ordered_json& row, const std::string& name,
                                     const std::string& place);
// A column's text: strings as they are, whole numbers without a point, anything else as JSON.
std::string ColumnText(const nlohmann::ordered_json& value);
// A line of either, by its columns.
Prompt ParsePrompt(const std::string& line, const std::string& place, int64_t index);
}  // namespace rlvr
#endif  // RLVR_DATA_JSONL_H_
