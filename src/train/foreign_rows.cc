#include "train/foreign_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace rlvr {
namespace {

using Json = nlohmann::json;

// Floats pass through JSON's doubles exactly.
Json ToJson(const Segment& s) {
  return {{"parent", s.parent},
          {"author", static_cast<int>(s.author)},
          {"tokens", s.tokens},
          {"logp", s.logp},
          {"entropy", s.entropy},
          {"sampler_logp", s.sampler_logp},
          {"sample", s.sample},
          {"value", s.value},
          {"outcome",
           {s.outcome.reward, static_cast<int>(s.outcome.illocution),
            static_cast<int>(s.outcome.strategy), s.outcome.right}}};
}

Segment SegmentOf(const Json& j) {
  Segment s;
  s.parent = j.at("parent").get<int32_t>();
  s.author = static_cast<Author>(j.at("author").get<int>());
  s.tokens = j.at("tokens").get<std::vector<int32_t>>();
  s.logp = j.at("logp").get<std::vector<float>>();
  s.entropy = j.at("entropy").get<std::vector<float>>();
  s.sampler_logp = j.at("sampler_logp").get<std::vector<float>>();
  s.sample = j.at("sample").get<int32_t>();
  s.value = j.value("value", 0.0f);
  if (const auto o = j.find("outcome"); o != j.end()) {  // not before there were conversations
    s.outcome = {.reward = o->at(0).get<float>(),
                 .illocution = static_cast<Illocution>(o->at(1).get<int>()),
                 .strategy = static_cast<TurnStrategy>(o->at(2).get<int>()),
                 .right = o->at(3).get<bool>()};
  }
  return s;
}

Json ToJson(const Leaf& l) {
  return {{"segment", l.segment},
          {"finish", static_cast<int>(l.finish)},
          {"verdict", static_cast<int>(l.verdict)},
          {"answer", l.answer},
          {"score", l.score},
          {"reward", l.reward},
          {"prefix", l.prefix}};
}

Leaf LeafOf(const Json& j) {
  Leaf l;
  l.segment = j.at("segment").get<int32_t>();
  l.finish = static_cast<Finish>(j.at("finish").get<int>());
  l.verdict = static_cast<Verdict>(j.at("verdict").get<int>());
  l.answer = j.at("answer").get<std::string>();
  l.score = j.at("score").get<float>();
  l.reward = j.at("reward").get<float>();
  l.prefix = j.value("prefix", int64_t{0});
  return l;
}

Json ToJson(const ReplayedGroup& g) {
  Json segments = Json::array(), leaves = Json::array();
  for (const Segment& s : g.tree.segments) segments.push_back(ToJson(s));
  for (const Leaf& l : g.tree.leaves) leaves.push_back(ToJson(l));
  return {{"step", g.step},
          {"uses", g.uses},
          {"messages", g.prompt.messages},
          {"ground_truth", g.prompt.ground_truth},
          {"prompt_index", g.tree.prompt_index},
          {"occurrence", g.tree.occurrence},
          {"data_source", g.tree.data_source},
          {"family", g.tree.family},
          {"segments", segments},
          {"leaves", leaves}};
}

ReplayedGroup GroupOf(const Json& j) {
  ReplayedGroup g;
  g.step = j.at("step").get<int64_t>();
  g.uses = j.at("uses").get<int64_t>();
  g.prompt.messages = j.at("messages").get<std::vector<std::pair<std::string, std::string>>>();
  g.prompt.ground_truth = j.at("ground_truth").get<std::string>();
  g.tree.prompt_index = g.prompt.index = j.at("prompt_index").get<int64_t>();
  g.tree.occurrence = j.at("occurrence").get<int64_t>();
  g.tree.data_source = g.prompt.data_source = j.at("data_source").get<std::string>();
  g.tree.family = j.value("family", "");  // checkpoints from before there were families
  for (const Json& s : j.at("segments")) g.tree.segments.push_back(SegmentOf(s));
  for (const Json& l : j.at("leaves")) g.tree.leaves.push_back(LeafOf(l));
  return g;
}

size_t NumRight(const Tree& tree) {
  return static_cast<size_t>(
      std::count_if(tree.leaves.begin(), tree.leaves.end(),
                    [](const Leaf& l) { return l.verdict == Verdict::kRight; }));
}

bool Admitted(const std::string& rule, const Tree& tree) {
  const size_t right = NumRight(tree);
  if (rule == "all") return true;
  if (rule == "right") return right > 0;
  return right > 0 && right < tree.leaves.size();
}

}  // namespace

void AddExpertRow(const Tokenizer& tokenizer, const Prompt& prompt, int32_t eos, int64_t max_tokens,
                  Tree* tree) {
  if (prompt.target.empty()) {
    throw Error(fmt::format("{}: prompt {}", prompt.data_source, prompt.index),
                "has no 'target', which expert.rows needs",
                "add the column with an expert's response, or set expert.rows to 0");
  }
  Segment segment;
  segment.parent = 0;
  segment.author = Author::kExpert;
  for (const Segment& s : tree->segments) segment.sample = std::max(segment.sample, s.sample);
  ++segment.sample;
  segment.tokens = tokenizer.Encode(prompt.target, /*parse_special=*/false);
  if (eos >= 0) segment.tokens.push_back(eos);
  if (static_cast<int64_t>(segment.tokens.size()) > max_tokens) {
    throw Error(fmt::format("{}: prompt {}", prompt.data_source, prompt.index),
                fmt::format("its 'target' has {} tokens, rollout.max_tokens is {}",
                            segment.tokens.size(), max_tokens),
                "raise it, or shorten the target");
  }
  tree->segments.push_back(std::move(segment));
  tree->leaves.push_back({.segment = static_cast<int32_t>(tree->segments.size()) - 1});
}

std::vector<ReplayedGroup> ReplayStore::Draw(int64_t step, RandomKey key) {
  if (settings_.max_age > 0) {
    std::erase_if(groups_,
                  [&](const ReplayedGroup& g) { return step - g.step > settings_.max_age; });
  }
  std::vector<size_t> left(groups_.size());
  for (size_t i = 0; i < left.size(); ++i) left[i] = i;
  Random random(key);
  std::vector<ReplayedGroup> drawn;
  while (static_cast<int64_t>(drawn.size()) < settings_.groups && !left.empty()) {
    const auto i = static_cast<size_t>(random.Int(0, static_cast<int64_t>(left.size()) - 1));
    ReplayedGroup& group = groups_[left[i]];
    ++group.uses;
    drawn.push_back(group);
    for (Segment& s : drawn.back().tree.segments) {
      if (s.author == Author::kPolicy) s.author = Author::kReplay;
    }
    left.erase(left.begin() + static_cast<ptrdiff_t>(i));
  }
  if (settings_.max_uses > 0) {
    std::erase_if(groups_, [&](const ReplayedGroup& g) { return g.uses >= settings_.max_uses; });
  }
  return drawn;
}

void ReplayStore::Admit(int64_t step, const Prompt& prompt, const Tree& tree) {
  if (settings_.groups == 0 || !Admitted(settings_.admit, tree)) return;
  groups_.push_back({step, 0, prompt, tree});
  while (size() > settings_.capacity) groups_.pop_front();
}

std::string ReplayStore::Save() const {
  Json all = Json::array();
  for (const ReplayedGroup& g : groups_) all.push_back(ToJson(g));
  const auto bytes = Json::to_cbor(all);
  return {bytes.begin(), bytes.end()};
}

void ReplayStore::Load(const std::string& bytes, const std::string& path) {
  try {
    groups_.clear();
    for (const Json& g : Json::from_cbor(bytes)) groups_.push_back(GroupOf(g));
  } catch (const Json::exception& e) {
    throw Error(path, std::string("is damaged: ") + e.what(), "use an older checkpoint");
  }
}

int64_t ResponseStore::AddOpposites(int64_t step, Tree* tree) const {
  const size_t right = NumRight(*tree);
  if (right > 0 && right < tree->leaves.size()) return 0;
  const auto stored = by_prompt_.find(tree->prompt_index);
  if (stored == by_prompt_.end()) return 0;
  const std::deque<Response>& opposite = stored->second[right == 0];
  int64_t added = 0;
  for (auto it = opposite.rbegin(); it != opposite.rend() && added < settings_.opposites; ++it) {
    if (settings_.max_age > 0 && step - it->step > settings_.max_age) break;  // and so all before
    const auto sample = static_cast<int32_t>(tree->leaves.size());
    for (size_t i = 0; i < it->segments.size(); ++i) {
      Segment segment = it->segments[i];
      segment.parent = i == 0 ? 0 : static_cast<int32_t>(tree->segments.size()) - 1;
      segment.sample = sample;
      if (segment.author == Author::kPolicy) segment.author = Author::kReplay;
      tree->segments.push_back(std::move(segment));
    }
    tree->leaves.push_back(it->leaf);
    tree->leaves.back().segment = static_cast<int32_t>(tree->segments.size()) - 1;
    ++added;
  }
  return added;
}

void ResponseStore::Remember(int64_t step, const Tree& tree) {
  for (const Leaf& leaf : tree.leaves) {
    if (tree.segments[static_cast<size_t>(leaf.segment)].author != Author::kPolicy) continue;
    if (leaf.verdict != Verdict::kRight && leaf.verdict != Verdict::kWrong) continue;
    Response response{step, {}, leaf};
    for (const int32_t s : tree.Path(leaf.segment)) {
      if (s > 0) response.segments.push_back(tree.segments[static_cast<size_t>(s)]);
    }
    auto& kept = by_prompt_[tree.prompt_index][leaf.verdict == Verdict::kRight];
    kept.push_back(std::move(response));
    if (static_cast<int64_t>(kept.size()) > settings_.per_prompt) kept.pop_front();
  }
}

std::string ResponseStore::Save() const {
  Json all = Json::array();
  for (const auto& [prompt, outcomes] : by_prompt_) {
    for (size_t right = 0; right < 2; ++right) {
      for (const Response& r : outcomes[right]) {
        Json segments = Json::array();
        for (const Segment& s : r.segments) segments.push_back(ToJson(s));
        all.push_back({{"prompt_index", prompt},
                       {"right", right},
                       {"step", r.step},
                       {"segments", segments},
                       {"leaf", ToJson(r.leaf)}});
      }
    }
  }
  const auto bytes = Json::to_cbor(all);
  return {bytes.begin(), bytes.end()};
}

void ResponseStore::Load(const std::string& bytes, const std::string& path) {
  try {
    by_prompt_.clear();
    for (const Json& j : Json::from_cbor(bytes)) {
      Response r{j.at("step").get<int64_t>(), {}, LeafOf(j.at("leaf"))};
      for (const Json& s : j.at("segments")) r.segments.push_back(SegmentOf(s));
      by_prompt_[j.at("prompt_index").get<int64_t>()].at(j.at("right").get<size_t>()).push_back(r);
    }
  } catch (const std::exception& e) {
    throw Error(path, std::string("is damaged: ") + e.what(), "use an older checkpoint");
  }
}

}  // namespace rlvr
