#include "verify/math/pairs.h"

#include <fmt/format.h>

#include <time.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace rlvr {
namespace {

using nlohmann::json;

// Of the processor: what else runs on the machine does not count.
double ThreadMilliseconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

std::string LowerText(std::string s) {
  for (char& c : s)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return s;
}

// A string, or a number as it is written.
std::string Field(const json& row, const char* name, const std::string& place) {
  if (!row.contains(name)) throw Error(place, fmt::format("the row has no {}", name), "");
  const json& value = row[name];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  throw Error(place, fmt::format("{} is neither a string nor a number", name), "");
}

AnswerOptions ReadOptions(const json& o, const std::string& place) {
  AnswerOptions options;
  if (!o.is_object()) throw Error(place, "options is no object", "");
  for (const auto& [key, value] : o.items()) {
    if (key == "match_types" && value.is_array()) {
      options.latex = options.expression = false;
      for (const json& type : value) {
        const std::string name = type.is_string() ? type.get<std::string>() : "";
        if (name == "latex") {
          options.latex = true;
        } else if (name == "expr") {
          options.expression = true;
        } else if (name == "NativeLetters" || name == "string") {
          options.letters = true;
        } else {
          throw Error(place, fmt::format("match_types has '{}'", name),
                      "known are latex, expr, NativeLetters");
        }
      }
    } else if (key == "precision" && value.is_number_integer()) {
      options.precision = std::clamp(value.get<int>(), 0, 50);
    } else if (key == "strict" && value.is_boolean()) {
      options.strict = value.get<bool>();
    } else if (key == "allow_set_relation_comp" && value.is_boolean()) {
      options.allow_set_relation_comp = value.get<bool>();
    } else if (key == "language" && value.is_string()) {
      options.language = LowerText(value.get<std::string>());
    } else {
      throw Error(place, fmt::format("options has '{}': {}", key, value.dump()),
                  "known are match_types, precision, strict, allow_set_relation_comp, language");
    }
  }
  return options;
}

std::string Quoted(const std::string& s) {
  constexpr size_t kShown = 160;
  std::string text = s.size() > kShown ? "..." + s.substr(s.size() - kShown) : s;
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::vector<AnswerPair> ReadAnswerPairs(const std::string& path, const std::string& grader) {
  std::ifstream in(path);
  if (!in) throw Error(path, "cannot be read", "give a file of JSON lines");
  std::vector<AnswerPair> pairs;
  std::string text;
  for (int line = 1; std::getline(in, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = fmt::format("{}:{}", path, line);
    const json row = json::parse(text, nullptr, false);
    if (!row.is_object()) throw Error(place, "is no JSON object", "one object on each line");
    AnswerPair p;
    p.line = line;
    p.gold = Field(row, "gold", place);
    p.answer = Field(row, "answer", place);
    if (!row.contains("expected") || !row["expected"].is_boolean())
      throw Error(place, "the row has no expected", "true or false");
    p.expected = row["expected"].get<bool>();
    p.suspect =
        row.contains("suspect") && row["suspect"] != json(false) && !row["suspect"].is_null();
    p.grader = row.contains("grader") ? Field(row, "grader", place) : grader;
    if (row.contains("options") && !row["options"].is_null())
      p.options = ReadOptions(row["options"], place);
    if (row.contains("label")) p.label = Field(row, "label", place);
    if (row.contains("source")) p.source = Field(row, "source", place);
    pairs.push_back(std::move(p));
  }
  if (pairs.empty()) throw Error(path, "has no rows", "");
  return pairs;
}

PairsResult JudgePairs(const std::vector<AnswerPair>& pairs, int repeat) {
  PairsResult r;
  std::vector<std::unique_ptr<Verifier>> verifiers;
  for (const AnswerPair& p : pairs) verifiers.push_back(MakeVerifier(p.grader, p.options));
  const double begin = ThreadMilliseconds();
  for (int k = 0; k < repeat; ++k) {
    for (size_t i = 0; i < pairs.size(); ++i) {
      const AnswerPair& p = pairs[i];
      const double before = ThreadMilliseconds();
      Judgement j = verifiers[i]->Judge(p.answer, p.gold);
      r.slowest_ms = std::max(r.slowest_ms, ThreadMilliseconds() - before);
      ++r.checks;
      if (k > 0) continue;
      const bool agrees = (j.verdict == Verdict::kRight) == p.expected;
      r.results.push_back({&p, std::move(j), agrees});
    }
  }
  r.seconds = (ThreadMilliseconds() - begin) * 1e-3;
  for (const PairResult& result : r.results) {
    GraderAgreement& g = r.graders[result.pair->grader];
    ++(result.pair->suspect ? g.suspect_rows : g.rows);
    if (result.agrees) ++(result.pair->suspect ? g.suspect_agree : g.agree);
  }
  return r;
}

std::string PairsText(const PairsResult& r) {
  std::string text = fmt::format("{:<24}{:>7}{:>7}{:>11}{:>15}\n", "grader", "rows", "agree",
                                 "agreement", "suspect rows");
  for (const auto& [name, g] : r.graders) {
    const std::string suspect =
        g.suspect_rows == 0 ? "" : fmt::format("{} of {}", g.suspect_agree, g.suspect_rows);
    const std::string share = g.rows == 0 ? "" : fmt::format("{:.1f} %", 100.0 * g.agree / g.rows);
    text += fmt::format("{:<24}{:>7}{:>7}{:>11}{:>15}\n", name, g.rows, g.agree, share, suspect);
  }
  for (const PairResult& result : r.results) {
    if (result.agrees) continue;
    const AnswerPair& p = *result.pair;
    text += fmt::format("\nline {}: {} says {}, expected is {}{}{}\n", p.line, p.grader,
                        ToString(result.judgement.verdict), p.expected ? "right" : "wrong",
                        p.suspect ? " (suspect)" : "", p.label.empty() ? "" : " (" + p.label + ")");
    text += fmt::format("  gold    {}\n  answer  {}\n  found   {}\n  reason  {}\n", Quoted(p.gold),
                        Quoted(p.answer), Quoted(result.judgement.answer), result.judgement.reason);
  }
  text += fmt::format(
      "\n{} checks in {:.3f} s of processor time: {:.0f} per second of one core, the slowest "
      "{:.1f} ms\n",
      r.checks, r.seconds, static_cast<double>(r.checks) / r.seconds, r.slowest_ms);
  return text;
}

}  // namespace rlvr
