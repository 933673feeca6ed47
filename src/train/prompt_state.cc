#include "train/prompt_state.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace rlvr {

void PromptState::Observe(int64_t row, int64_t step, int64_t samples, int64_t right) {
  RLVR_CHECK(samples > 0 && right >= 0 && right <= samples) << right << " of " << samples;
  PromptRecord& r = records_[row];
  const double share = static_cast<double>(right) / static_cast<double>(samples);
  r.pass_rate = r.times == 0 ? share : decay_ * r.pass_rate + (1 - decay_) * share;
  ++r.times;
  r.samples += samples;
  r.right += right;
  r.last_step = step;
}

const PromptRecord* PromptState::Find(int64_t row) const {
  const auto it = records_.find(row);
  return it == records_.end() ? nullptr : &it->second;
}

void PromptState::Measure(Metrics* metrics) const {
  if (records_.empty()) return;
  double sum = 0, solved = 0, unsolved = 0;
  for (const auto& [row, r] : records_) {
    sum += r.pass_rate;
    solved += r.pass_rate == 1;
    unsolved += r.pass_rate == 0;
  }
  const auto n = static_cast<double>(records_.size());
  (*metrics)["prompt_state/seen"] = n;
  (*metrics)["prompt_state/pass_rate"] = sum / n;
  (*metrics)["prompt_state/solved"] = solved / n;
  (*metrics)["prompt_state/unsolved"] = unsolved / n;
}

std::string PromptState::Save() const {
  // Columns: one name each, however many prompts.
  nlohmann::json j = {
      {"row", nlohmann::json::array()},       {"times", nlohmann::json::array()},
      {"samples", nlohmann::json::array()},   {"right", nlohmann::json::array()},
      {"pass_rate", nlohmann::json::array()}, {"last_step", nlohmann::json::array()}};
  for (const auto& [row, r] : records_) {
    j["row"].push_back(row);
    j["times"].push_back(r.times);
    j["samples"].push_back(r.samples);
    j["right"].push_back(r.right);
    j["pass_rate"].push_back(r.pass_rate);
    j["last_step"].push_back(r.last_step);
  }
  const auto bytes = nlohmann::json::to_cbor(j);
  return {bytes.begin(), bytes.end()};
}

void PromptState::Load(const std::string& bytes, const std::string& path) {
  records_.clear();
  try {
    const auto j = nlohmann::json::from_cbor(bytes);
    for (size_t i = 0; i < j.at("row").size(); ++i) {
      records_[j.at("row").at(i).get<int64_t>()] = {
          .times = j.at("times").at(i).get<int64_t>(),
          .samples = j.at("samples").at(i).get<int64_t>(),
          .right = j.at("right").at(i).get<int64_t>(),
          .pass_rate = j.at("pass_rate").at(i).get<double>(),
          .last_step = j.at("last_step").at(i).get<int64_t>()};
    }
  } catch (const nlohmann::json::exception& e) {
    throw Error(path, std::string("is damaged: ") + e.what(), "use an older checkpoint");
  }
}

}  // namespace rlvr
