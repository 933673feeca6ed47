#include "train/curriculum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggest.h"

namespace rlvr {
namespace {

constexpr int64_t kMany = int64_t{1} << 40;

class Uniform : public PromptFilter {
 public:
  static constexpr const char* kName = "uniform";
  template <class Visitor>
  void Params(Visitor&) {}
  void Prepare(const PromptSource&) {}
  void BeginStep(int64_t, const PromptState&) override {}
  bool Admits(int64_t) const override { return true; }
};

// Prompts that every response solves or none does teach a group-relative method nothing; they rest,
// and come back since the policy changes.
class PassRateBand : public PromptFilter {
 public:
  static constexpr const char* kName = "pass_rate_band";
  template <class Visitor>
  void Params(Visitor& p) {
    p("low", low_, 0.0, 1.0);
    p("high", high_, 0.0, 1.0);
    p("rest", rest_, int64_t{1}, kMany);
  }
  void Prepare(const PromptSource&) {}
  void BeginStep(int64_t step, const PromptState& state) override {
    step_ = step;
    state_ = &state;
  }
  bool Admits(int64_t row) const override {
    const PromptRecord* r = state_->Find(row);
    return r == nullptr || (r->pass_rate > low_ && r->pass_rate < high_) ||
           step_ - r->last_step > rest_;
  }
  void Measure(Metrics* metrics) const override {
    double resting = 0;
    for (const auto& [row, r] : state_->records()) resting += !Admits(row);
    (*metrics)["curriculum/resting"] = resting;
  }

 private:
  double low_ = 0, high_ = 1;
  int64_t rest_ = 10, step_ = 0;
  const PromptState* state_ = nullptr;
};

// Competence-based curriculum, arXiv:1903.09848, Sec. 2: at step t prompts are sampled whose
// difficulty's rank is within the share
//   c(t) = min(1, (t (1 - c0^p) / T + c0^p)^(1/p)),  t = step - 1
// of the data; p = 1 is the paper's linear, p = 2 its square-root schedule. Difficulties tie here
// (numbers of steps), so that a tied class comes in as a whole: the share is at least c(t).
// extra_info[key] of every prompt: a number, or how many entries a list has.
std::vector<double> NumbersOf(const PromptSource& prompts, const std::string& key) {
  std::vector<double> numbers;
  for (int64_t row = 0; row < prompts.size(); ++row) {
    const Prompt prompt = prompts.Get(row);
    const auto info = nlohmann::json::parse(prompt.extra_info, nullptr, false);
    const bool has = info.is_object() && info.contains(key);
    if (!has || !(info[key].is_number() || info[key].is_array())) {
      throw Error(fmt::format("{}: prompt {}", prompts.name(), row),
                  fmt::format("extra_info has no number '{}'", key),
                  "curriculum.key names the number, or the list, that prompts are ordered by");
    }
    numbers.push_back(info[key].is_array() ? static_cast<double>(info[key].size())
                                           : info[key].get<double>());
  }
  return numbers;
}

class EasyToHard : public PromptFilter {
 public:
  static constexpr const char* kName = "easy_to_hard";
  template <class Visitor>
  void Params(Visitor& p) {
    p("key", key_);
    p("start", start_, 0.0, 1.0);
    p("steps", steps_, int64_t{1}, kMany);
    p("power", power_, 0.1, 100.0);
  }
  void Prepare(const PromptSource& prompts) {
    sorted_ = difficulty_ = NumbersOf(prompts, key_);
    std::sort(sorted_.begin(), sorted_.end());
  }
  void BeginStep(int64_t step, const PromptState&) override {
    const double c0 = std::pow(start_, power_);
    const double t = static_cast<double>(step - 1) / static_cast<double>(steps_);
    share_ = std::min(1.0, std::pow(t * (1 - c0) + c0, 1 / power_));
    const auto n = static_cast<double>(sorted_.size());
    const double rank = std::clamp(std::ceil(share_ * n), 1.0, n);
    hardest_ = sorted_[static_cast<size_t>(rank) - 1];
  }
  bool Admits(int64_t row) const override {
    return difficulty_[static_cast<size_t>(row)] <= hardest_;
  }
  void Measure(Metrics* metrics) const override {
    (*metrics)["curriculum/competence"] = share_;
    (*metrics)["curriculum/hardest"] = hardest_;
  }

 private:
  std::string key_ = "steps";
  double start_ = 0.1, power_ = 2;
  int64_t steps_ = 100;
  std::vector<double> difficulty_, sorted_;  // [rows]
  double share_ = 0, hardest_ = 0;
};

// RLAAR's gate, arXiv:2510.18731: conversations get more shards when the policy has become competent
// at those it has. The abstract names the gate, not its rule; this one is ours:
//   level: one of the numbers that occur, at first the smallest that is at least `start`
//   at the beginning of a step the level rises to the next number if at least `prompts` of its own
//   prompts were sampled in the last `window` steps and the mean of their running pass rates is at
//   least `threshold`
// All prompts up to the level are sampled, so that easier ones are not forgotten. It never falls.
class CompetenceGate : public PromptFilter {
 public:
  static constexpr const char* kName = "competence_gate";
  template <class Visitor>
  void Params(Visitor& p) {
    p("key", key_);
    p("start", start_, 0.0, 1e9);
    p("threshold", threshold_, 0.0, 1.0);
    p("prompts", prompts_, int64_t{1}, kMany);
    p("window", window_, int64_t{1}, kMany);
  }
  void Prepare(const PromptSource& prompts) {
    difficulty_ = NumbersOf(prompts, key_);
    levels_ = difficulty_;
    std::sort(levels_.begin(), levels_.end());
    levels_.erase(std::unique(levels_.begin(), levels_.end()), levels_.end());
    if (levels_.empty()) return;
    while (level_ + 1 < std::ssize(levels_) && Level() < start_) ++level_;
  }
  void BeginStep(int64_t step, const PromptState& state) override {
    competence_ = 0;
    if (levels_.empty()) return;
    double sum = 0, n = 0;
    for (const auto& [row, record] : state.records()) {
      if (difficulty_[static_cast<size_t>(row)] != Level() || record.last_step + window_ < step)
        continue;
      sum += record.pass_rate;
      n += 1;
    }
    if (n > 0) competence_ = sum / n;
    // A step that is begun again has risen already.
    if (step <= risen_at_ || n < static_cast<double>(prompts_) || competence_ < threshold_ ||
        level_ + 1 == std::ssize(levels_))
      return;
    ++level_;
    risen_at_ = step;
  }
  bool Admits(int64_t row) const override {
    return difficulty_[static_cast<size_t>(row)] <= Level();
  }
  void Measure(Metrics* metrics) const override {
    if (!levels_.empty()) (*metrics)["curriculum/level"] = Level();
    (*metrics)["curriculum/competence"] = competence_;
  }
  std::vector<int64_t> State() const override { return {level_, risen_at_}; }
  void SetState(const std::vector<int64_t>& state) override {
    if (state.size() != 2) return;
    level_ = state[0];
    risen_at_ = state[1];
  }

 private:
  double Level() const { return levels_[static_cast<size_t>(level_)]; }

  std::string key_ = "shards";
  double start_ = 0, threshold_ = 0.7;
  int64_t prompts_ = 16, window_ = 10;
  std::vector<double> difficulty_;    // [rows]
  std::vector<double> levels_;        // the numbers that occur, rising
  int64_t level_ = 0, risen_at_ = 0;  // index in levels_; the step at which it last rose
  double competence_ = 0;
};

// DRIVE's two stages of reinforcement learning, arXiv:2511.06307: first all prompts with few
// responses each; then a hard focus in phases that each keep the prompts that fail most, with many
// responses each. A phase keeps the share `keep` with the lowest running pass rates, the first one
// of the prompts that were sampled before, each later one of the phase before it.
class Drive : public PromptFilter {
 public:
  static constexpr const char* kName = "drive";
  template <class Visitor>
  void Params(Visitor& p) {
    p("uniform_steps", uniform_steps_, int64_t{1}, kMany);
    p("phases", phases_, int64_t{1}, kMany);
    p("phase_steps", phase_steps_, int64_t{1}, kMany);
    p("keep", keep_, 1e-6, 1.0);
    p("hard_group_size", hard_group_size_, 1, 1 << 20);
  }
  void Prepare(const PromptSource&) {}
  void BeginStep(int64_t step, const PromptState& state) override {
    const int64_t phase = step <= uniform_steps_
                              ? 0
                              : std::min(phases_, 1 + (step - uniform_steps_ - 1) / phase_steps_);
    while (phase_ < phase) Narrow(state);
  }
  bool Admits(int64_t row) const override {
    return phase_ == 0 || std::binary_search(pool_.begin(), pool_.end(), row);
  }
  int GroupSize(int group_size) const override {
    return phase_ > 0 ? hard_group_size_ : group_size;
  }
  void Measure(Metrics* metrics) const override {
    (*metrics)["curriculum/phase"] = static_cast<double>(phase_);
    (*metrics)["curriculum/pool"] = static_cast<double>(pool_.size());
  }
  std::vector<int64_t> State() const override {
    std::vector<int64_t> state = {phase_};
    state.insert(state.end(), pool_.begin(), pool_.end());
    return state;
  }
  void SetState(const std::vector<int64_t>& state) override {
    if (state.empty()) return;
    phase_ = state[0];
    pool_.assign(state.begin() + 1, state.end());
  }

 private:
  void Narrow(const PromptState& state) {
    if (phase_ == 0) {
      for (const auto& [row, record] : state.records()) pool_.push_back(row);
    }
    const auto rate = [&](int64_t row) {
      const PromptRecord* r = state.Find(row);
      return r == nullptr ? 0.0 : r->pass_rate;
    };
    std::stable_sort(pool_.begin(), pool_.end(),
                     [&](int64_t a, int64_t b) { return rate(a) < rate(b); });
    pool_.resize(static_cast<size_t>(std::ceil(keep_ * static_cast<double>(pool_.size()))));
    std::sort(pool_.begin(), pool_.end());
    ++phase_;
  }

  int64_t uniform_steps_ = 100, phases_ = 3, phase_steps_ = 50;
  double keep_ = 0.5;
  int hard_group_size_ = 64;
  int64_t phase_ = 0;          // 0: all prompts
  std::vector<int64_t> pool_;  // rows, rising
};

ConfigNode Scalar(std::string text) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kScalar;
  node.scalar = std::move(text);
  return node;
}

struct NodeWriter {
  ConfigNode* out;
  template <class Value, class... Range>
  void operator()(const char* key, const Value& value, Range&&...) {
    out->Set(key, Scalar(fmt::format("{}", value)));
  }
};

// Reads the keys that every curriculum has.
template <class Fields>
void SharedParams(double& decay, Fields& p) {
  p("decay", decay, 0.0, 1.0);
}

// Calls body(filter) with a filter of the node's name and parameters; with `out` also writes them.
template <class Body>
void WithFilter(const ConfigNode* node, double* decay, ConfigNode* out, const Body& body) {
  std::string name = Uniform::kName;
  const std::vector<std::string> names = {CompetenceGate::kName, Drive::kName, EasyToHard::kName,
                                          PassRateBand::kName, Uniform::kName};
  ConfigReader reader(node, "curriculum");
  reader("name", name, names);
  SharedParams(*decay, reader);
  const auto use = [&]<class Filter>(std::unique_ptr<Filter> filter) {
    if (name != Filter::kName) return;
    filter->Params(reader);
    reader.Done();
    if (out != nullptr) {
      out->kind = ConfigNode::Kind::kMap;
      out->Set("name", Scalar(name));
      NodeWriter writer{out};
      filter->Params(writer);
      SharedParams(*decay, writer);
    }
    body(std::move(filter));
  };
  use(std::make_unique<Uniform>());
  use(std::make_unique<PassRateBand>());
  use(std::make_unique<EasyToHard>());
  use(std::make_unique<Drive>());
  use(std::make_unique<CompetenceGate>());
}

double DecayOf(const ConfigNode* node) {
  double decay = 0.5;
  WithFilter(node, &decay, nullptr, [](const auto&) {});
  return decay;
}

}  // namespace

ConfigNode ResolveCurriculum(const ConfigNode* node) {
  ConfigNode out;
  double decay = 0.5;
  WithFilter(node, &decay, &out, [](const auto&) {});
  return out;
}

std::unique_ptr<PromptFilter> MakePromptFilter(const ConfigNode* node,
                                               const PromptSource& prompts) {
  std::unique_ptr<PromptFilter> made;
  double decay = 0.5;
  WithFilter(node, &decay, nullptr, [&](auto filter) {
    filter->Prepare(prompts);
    made = std::move(filter);
  });
  return made;
}

Curriculum::Curriculum(const ConfigNode* node, const PromptSource& prompts, uint64_t seed,
                       std::vector<int32_t> families)
    : size_(prompts.size()),
      order_(prompts.size(), seed, std::move(families)),
      state_(DecayOf(node)),
      filter_(MakePromptFilter(node, prompts)),
      uniform_(dynamic_cast<const Uniform*>(filter_.get()) != nullptr) {}

Curriculum::Draw Curriculum::Next(int64_t* position) {
  // Two passes from anywhere hold every prompt.
  for (int64_t p = *position; p < *position + 2 * size_; ++p) {
    const int64_t row = order_.At(p);
    if (!filter_->Admits(row)) continue;
    const int64_t skipped = p - *position;
    *position = p + 1;
    return {.row = row, .occurrence = order_.OccurrenceAt(p), .skipped = skipped};
  }
  const int64_t p = (*position)++;
  return {.row = order_.At(p), .occurrence = order_.OccurrenceAt(p), .forced = true};
}

void Curriculum::Count(const Draw& draw) {
  skipped_ += draw.skipped;
  forced_ += draw.forced ? 1 : 0;
}

void Curriculum::BeginStep(int64_t step) {
  skipped_ = forced_ = 0;
  filter_->BeginStep(step, state_);
}

void Curriculum::Measure(Metrics* metrics) const {
  state_.Measure(metrics);
  filter_->Measure(metrics);
  if (uniform_) return;
  (*metrics)["curriculum/skipped"] = static_cast<double>(skipped_);
  (*metrics)["curriculum/forced"] = static_cast<double>(forced_);
}

std::string Curriculum::Save() const {
  const std::string prompts = state_.Save();
  const nlohmann::json j = {{"prompts", nlohmann::json::binary({prompts.begin(), prompts.end()})},
                            {"filter", filter_->State()}};
  const auto bytes = nlohmann::json::to_cbor(j);
  return {bytes.begin(), bytes.end()};
}

void Curriculum::Load(const std::string& bytes, const std::string& path) {
  std::string prompts;
  try {
    const auto j = nlohmann::json::from_cbor(bytes);
    const auto& binary = j.at("prompts").get_binary();
    prompts.assign(binary.begin(), binary.end());
    filter_->SetState(j.at("filter").get<std::vector<int64_t>>());
  } catch (const nlohmann::json::exception& e) {
    throw Error(path, std::string("is damaged: ") + e.what(), "use an older checkpoint");
  }
  state_.Load(prompts, path);
}

}  // namespace rlvr
