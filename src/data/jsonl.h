// JSONL prompts in the field's columns, or records of lost-in-conversation (question, answer or
// ground_truth, shards). A broken line is an Error that names file and line.
#ifndef RLVR_DATA_JSONL_H_
#define RLVR_DATA_JSONL_H_
#include <memory>
#include <string>
#include <vector>

#include "data/data.h"

namespace rlvr {
// Maps the file and checks every line once.
std::unique_ptr<PromptSource> OpenJsonl(const std::string& path);
Prompt ParsePrompt(const std::string& line, const std::string& place, int64_t index);
}  // namespace rlvr
#endif  // RLVR_DATA_JSONL_H_
