#include "eval/subjects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "eval/coverage.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

Json SubjectIntervalJson(const Interval& interval) {
  return {{"mean", interval.mean}, {"low", interval.low}, {"high", interval.high}};
}

}  // namespace

std::vector<std::string> SubjectsOf(const Prompt& prompt) {
  std::vector<std::string> subjects;
  const Json info = Json::parse(prompt.extra_info, nullptr, /*allow_exceptions=*/false);
  const auto take = [&](const char* key, const char* prefix) {
    if (!info.is_object() || !info.contains(key)) return false;
    const Json& value = info[key];
    if (!value.is_string() && !value.is_number()) return false;
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.find_first_not_of("0123456789") == std::string::npos) text = prefix + text;
    subjects.push_back(std::move(text));
    return true;
  };
  if (!take("subject", "subject ")) take("type", "type ");
  take("level", "Level ");
  if (subjects.empty()) subjects.push_back(prompt.data_source);
  return subjects;
}

std::vector<SubjectResult> BySubject(const EvalResult& result, uint64_t seed) {
  std::map<std::string, std::vector<size_t>> rows;
  for (size_t i = 0; i < result.prompts.size(); ++i) {
    for (const std::string& subject : SubjectsOf(result.prompts[i])) rows[subject].push_back(i);
  }
  std::vector<SubjectResult> out;
  if (rows.size() < 2) return out;
  const RandomKey key = StreamKey(seed, Stream::kEval)[~uint64_t{0}][4];
  for (const auto& [name, members] : rows) {
    std::vector<double> average, pass, majority;
    for (const size_t i : members) {
      const PromptOutcome& o = result.outcomes[i];
      average.push_back(static_cast<double>(o.right) / result.k);
      pass.push_back(PassAtK(result.k, o.right, result.k));
      majority.push_back(o.majority_right ? 1 : 0);
    }
    out.push_back({.name = name,
                   .num_prompts = static_cast<int64_t>(members.size()),
                   .avg_at_k = BootstrapMean(average, key[0]),
                   .pass_at_k = BootstrapMean(pass, key[1]),
                   .maj_at_k = BootstrapMean(majority, key[2])});
  }
  return out;
}

void WriteSamples(const std::string& path, const Tokenizer& tokenizer, const EvalResult& result) {
  const std::string part = path + ".part";
  std::ofstream file(part, std::ios::binary);
  for (size_t i = 0; i < result.trees.size(); ++i) {
    const Tree& tree = result.trees[i];
    const Prompt& prompt = result.prompts[i];
    for (size_t sample = 0; sample < tree.leaves.size(); ++sample) {
      const Leaf& leaf = tree.leaves[sample];
      const std::vector<int32_t> tokens = tree.ResponseTokens(leaf);
      Json line;
      line["prompt_index"] = tree.prompt_index;
      line["sample"] = sample;
      line["data_source"] = prompt.data_source;
      line["subjects"] = SubjectsOf(prompt);
      line["prompt"] = tokenizer.Decode(tree.segments[0].tokens);
      line["response"] = tokenizer.Decode(tokens, /*skip_special=*/true);
      line["ground_truth"] = prompt.ground_truth;
      line["answer"] = leaf.answer;
      line["verdict"] = ToString(leaf.verdict);
      line["finish"] = ToString(leaf.finish);
      line["num_tokens"] = tokens.size();
      // Sampled bytes need not be UTF-8.
      file << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }
  }
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(part, path, error);
  if (!file || error) {
    std::remove(part.c_str());
    throw Error(path, "cannot write the samples", "free some disk space or check the permissions");
  }
}

std::string SummaryJson(const std::string& name, const std::string& layout,
                        const EvalResult& result, const std::vector<SubjectResult>& subjects) {
  const std::string k = std::to_string(result.k);
  Json out;
  out["data"] = name;
  if (!layout.empty()) out["layout"] = layout;
  out["num_prompts"] = result.num_prompts;
  out["k"] = result.k;
  out["avg@" + k] = SubjectIntervalJson(result.avg_at_k);
  out["pass@" + k] = SubjectIntervalJson(result.pass_at_k);
  out["maj@" + k] = SubjectIntervalJson(result.maj_at_k);
  out["pass_at"] = result.pass_at;
  out["maj_at"] = result.maj_at;
  const auto mean = [&](auto value) {
    double sum = 0;
    for (const PromptOutcome& o : result.outcomes) sum += value(o.right);
    return sum / static_cast<double>(std::max<size_t>(result.outcomes.size(), 1));
  };
  for (const double threshold : {0.25, 0.5, 0.75, 1.0}) {
    out["g_pass"][fmt::format("g-pass@{}_{}", k, threshold)] =
        mean([&](int64_t c) { return GPassAtK(result.k, c, result.k, threshold); });
  }
  out["g_pass"]["mg-pass@" + k] =
      mean([&](int64_t c) { return MeanGPassAtK(result.k, c, result.k); });
  for (const SubjectResult& s : subjects) {
    out["by_subject"][s.name] = {{"num_prompts", s.num_prompts},
                                 {"avg@" + k, SubjectIntervalJson(s.avg_at_k)},
                                 {"pass@" + k, SubjectIntervalJson(s.pass_at_k)},
                                 {"maj@" + k, SubjectIntervalJson(s.maj_at_k)}};
  }
  out["response_length"] = result.mean_response_length;
  out["clip_ratio"] = result.clip_ratio;
  out["entropy"] = result.mean_entropy;
  out["answer_entropy"] = result.answer_entropy;
  out["distinct_answers"] = result.distinct_answers;
  out["seconds"] = result.seconds;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rlvr
