// Files of prompts: JSON lines, a JSON array, either of them packed with gzip, and Parquet.
#ifndef RLVR_DATA_PROMPT_FILES_H_
#define RLVR_DATA_PROMPT_FILES_H_
#include <memory>
#include <string>
#include <vector>

#include "data/data.h"

namespace rlvr {

// By its ending.
bool IsPromptFile(const std::string& name);
// Checks every row once; a broken one is an Error that names file and line or row. JSON lines stay in
// a map of the file and are read anew each time; the other formats stay in memory, equal rows once.
std::unique_ptr<PromptSource> OpenPromptFile(const std::string& path,
                                             const PromptFileSettings& settings);
// Their rows, one after the other.
std::unique_ptr<PromptSource> JoinPrompts(std::vector<std::unique_ptr<PromptSource>> sources);

}  // namespace rlvr
#endif  // RLVR_DATA_PROMPT_FILES_H_
