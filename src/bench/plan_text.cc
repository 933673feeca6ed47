#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "base/size_text.h"
#include "bench/plan.h"

namespace rlvr {
namespace {

struct MemoryRow {
  const char* name;
  int64_t MemoryEstimate::*bytes;
};
constexpr MemoryRow kMemory[] = {{"weights, fp32", &MemoryEstimate::weights},
                                 {"weights, packed", &MemoryEstimate::packed},
                                 {"gradient", &MemoryEstimate::gradient},
                                 {"moments", &MemoryEstimate::moments},
                                 {"other models", &MemoryEstimate::others},
                                 {"KV cache", &MemoryEstimate::kv_cache},
                                 {"sampling", &MemoryEstimate::sampling},
                                 {"activations", &MemoryEstimate::activations},
                                 {"rest", &MemoryEstimate::rest}};

struct TimeRow {
  const char* name;
  double StepTime::*seconds;
};
constexpr TimeRow kTimes[] = {{"prefill", &StepTime::prefill},
                              {"decode", &StepTime::decode},
                              {"verify", &StepTime::verify},
                              {"credit", &StepTime::credit},
                              {"forward, backward", &StepTime::update},
                              {"optimizer", &StepTime::optimizer}};

std::string Seconds(double s) { return s < 100 ? fmt::format("{:.2f} s", s) : FormatDuration(s); }

std::string MemoryText(const Plan& p) {
  std::string out =
      fmt::format("{:24}{:>12}{:>12}\n", "memory", p.timed ? "expected" : "", "at most");
  for (const MemoryRow& row : kMemory) {
    if (p.longest_memory.*row.bytes == 0) continue;
    out += fmt::format("  {:22}{:>12}{:>12}\n", row.name,
                       p.timed ? SizeText(p.expected_memory.*row.bytes) : "",
                       SizeText(p.longest_memory.*row.bytes));
  }
  out += fmt::format("  {:22}{:>12}{:>12}   available: {}\n", "peak",
                     p.timed ? SizeText(p.expected_memory.total()) : "",
                     SizeText(p.longest_memory.total()), SizeText(p.available));
  out +=
      "  sampling gives its memory back before the update: of KV cache + sampling and activations "
      "the larger counts\n";
  if (p.longest_memory.total() <= p.available) return out;
  out += p.timed && p.expected_memory.total() <= p.available
             ? "\nThis will not fit if every response is as long as it may be. What would help:\n"
             : "\nThis will not fit. What would help:\n";
  for (const MemorySaving& s : p.savings)
    out += fmt::format("  {:36} saves {:>9}: {}\n", s.override_text, SizeText(s.bytes), s.cost);
  if (p.savings.empty()) out += "  only a smaller model\n";
  return out;
}

nlohmann::ordered_json Json(const MemoryEstimate& e) {
  nlohmann::ordered_json json;
  for (const MemoryRow& row : kMemory) json[row.name] = e.*row.bytes;
  json["peak"] = e.total();
  return json;
}

nlohmann::ordered_json Json(const StepTime& t) {
  nlohmann::ordered_json json;
  for (const TimeRow& row : kTimes) json[row.name] = t.*row.seconds;
  json["gen"] = t.gen();
  json["update"] = t.update + t.optimizer;
  json["step"] = t.step();
  json["evaluation"] = t.evaluation;
  json["prompts"] = t.prompts;
  json["sampled_tokens"] = t.sampled_tokens;
  json["trained_tokens"] = t.trained_tokens;
  return json;
}

}  // namespace

std::string PlanText(const Plan& p) {
  std::string out = fmt::format(
      "{}: {:.1f} million parameters; {} steps of {} prompts, {} responses each, of at most {} "
      "tokens\n\n",
      p.recipe, static_cast<double>(p.model.NumParameters()) / 1e6, p.steps, p.prompts,
      p.group_size, p.max_tokens);
  out += MemoryText(p);
  if (!p.timed) return out + "\nWithout that memory nothing can be measured: no times.\n";
  const Calibration& c = p.calibration;
  out += fmt::format("\n{:24}{:>12}{:>12}\n", "time of a step", "expected", "at most");
  for (const TimeRow& row : kTimes) {
    out += fmt::format("  {:22}{:>12}{:>12}\n", row.name, Seconds(p.expected.*row.seconds),
                       Seconds(p.longest.*row.seconds));
  }
  out += fmt::format("  {:22}{:>12}{:>12}\n", "step", Seconds(p.expected.step()),
                     Seconds(p.longest.step()));
  if (p.evaluations > 0) {
    out +=
        fmt::format("  {:22}{:>12}{:>12}   {} of them\n", "an evaluation",
                    Seconds(p.expected.evaluation), Seconds(p.longest.evaluation), p.evaluations);
  }
  const auto whole = [&](const StepTime& t) {
    return static_cast<double>(p.steps) * t.step() +
           static_cast<double>(p.evaluations) * t.evaluation;
  };
  out += fmt::format("  {:22}{:>12}{:>12}   without checkpoints\n", "whole run",
                     FormatDuration(whole(p.expected)), FormatDuration(whole(p.longest)));
  out += fmt::format(
      "\nexpected: {} prompts of {:.0f} tokens sampled {}: responses of {:.0f} tokens ({:.0f} % "
      "went on at {}); {:.0f} %\nof the groups kept, {:.1f} sampled a step. at most: "
      "every response {} tokens. Measured in {}.\n",
      c.prompts, c.prompt_tokens, c.cut == p.max_tokens ? "to their end" : "in part", p.mean_length,
      100 * static_cast<double>(c.num_cut) / static_cast<double>(c.lengths.size()), c.cut,
      100 * c.kept, p.expected.prompts, p.max_tokens, FormatDuration(c.seconds));
  return out;
}

std::string PlanJson(const Plan& p) {
  nlohmann::ordered_json root = {{"recipe", p.recipe},
                                 {"steps", p.steps},
                                 {"available", p.available},
                                 {"fits", p.longest_memory.total() <= p.available},
                                 {"memory_at_most", Json(p.longest_memory)}};
  if (p.timed) {
    root["memory_expected"] = Json(p.expected_memory);
    root["seconds_expected"] = Json(p.expected);
    root["seconds_at_most"] = Json(p.longest);
    root["response_length"] = p.mean_length;
    root["kept"] = p.calibration.kept;
    root["measured_in"] = p.calibration.seconds;
  }
  for (const MemorySaving& s : p.savings)
    root["savings"].push_back({{"override", s.override_text}, {"bytes", s.bytes}});
  return root.dump(1) + "\n";
}

}  // namespace rlvr
