// Evaluations by subject: which rows of a table a prompt belongs to, and those rows' figures.
#ifndef RLVR_EVAL_SUBJECTS_H_
#define RLVR_EVAL_SUBJECTS_H_
#include <cstdint>
#include <string>
#include <vector>

#include "eval/eval.h"

namespace rlvr {

// "Algebra" and "Level 4" by subject (or type) and level in extra_info; without either the
// data_source.
std::vector<std::string> SubjectsOf(const Prompt& prompt);

struct SubjectResult {
  std::string name;
  int64_t num_prompts = 0;
  Interval avg_at_k, pass_at_k, maj_at_k;
};
// Of a result with prompts (EvalOptions::keep_samples), sorted by name. None if all prompts are of
// one and the same subject.
std::vector<SubjectResult> BySubject(const EvalResult& result, uint64_t seed);

// A JSON line for each sample: prompt_index, sample, data_source, subjects, prompt, response,
// ground_truth, answer, verdict, finish, num_tokens. Written whole or not at all.
void WriteSamples(const std::string& path, const Tokenizer& tokenizer, const EvalResult& result);
// The figures of the data set `name` as JSON: avg@k, pass@k, maj@k with intervals, for every k, by
// subject; g_pass (coverage.h) for thresholds 0.25, 0.5, 0.75 and 1.
std::string SummaryJson(const std::string& name, const std::string& layout,
                        const EvalResult& result, const std::vector<SubjectResult>& subjects);

}  // namespace rlvr
#endif  // RLVR_EVAL_SUBJECTS_H_
