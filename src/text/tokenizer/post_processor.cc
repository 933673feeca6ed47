#include "text/tokenizer/post_processor.h"

#include <nlohmann/json.hpp>

namespace rlvr {

PostProcessor::PostProcessor(const Part& part) { Add(part); }

void PostProcessor::Add(const Part& part) {
  const std::string type = part.Type();
  if (type == "ByteLevel") return;  // moves offsets only
  if (type == "Sequence") {
    for (const Part& item : part.Items("processors")) Add(item);
    return;
  }
  if (type != "TemplateProcessing") part.Unsupported("type");
  std::vector<int32_t> tokens;
  for (const Part& item : part.Items("single")) {
    if (item.Has("Sequence")) {
      if (item.At("Sequence").String("id") != "A") item.At("Sequence").Unsupported("id");
      tokens.push_back(kText);
      continue;
    }
    const std::string name = item.At("SpecialToken").String("id");
    const Part special = part.At("special_tokens").At(name.c_str());
    for (const Part& id : special.Items("ids")) {
      if (!id.json().is_number_integer() || id.json() < 0 || id.json() > 10'000'000)
        id.Fail("is no id of a token", "is the file damaged?");
      tokens.push_back(id.json().get<int32_t>());
    }
  }
  templates_.push_back(std::move(tokens));
}

std::vector<int32_t> PostProcessor::Apply(std::vector<int32_t> tokens) const {
  for (const auto& pattern : templates_) {
    std::vector<int32_t> whole;
    for (const int32_t t : pattern) {
      if (t == kText)
        whole.insert(whole.end(), tokens.begin(), tokens.end());
      else
        whole.push_back(t);
    }
    tokens = std::move(whole);
  }
  return tokens;
}

}  // namespace rlvr
