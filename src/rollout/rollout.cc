#include "rollout/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "rollout/feed.h"
#include "rollout/scheduler.h"
#include "rollout/strategy.h"

namespace rlvr {
namespace {

void Require(bool valid, const char* name, double value, const char* remedy) {
  if (!valid) throw Error("rollout", fmt::format("{} is {}", name, value), remedy);
}

void Validate(const RolloutOptions& o) {
  const auto count = [](const char* name, int64_t n) {
    Require(n >= 1, name, static_cast<double>(n), "give at least 1");
  };
  count("max_tokens", o.max_tokens);
  count("max_sequences", o.max_sequences);
  count("prefill_tokens", o.prefill_tokens);
  count("conversation.max_turns", o.conversation.max_turns);
  Require(o.conversation.max_tokens >= 0, "conversation.max_tokens",
          static_cast<double>(o.conversation.max_tokens), "give a count, or 0 for off");
  const SamplingOptions& s = o.sampling;
  Require(s.temperature >= 0 && std::isfinite(s.temperature), "temperature", s.temperature,
          "give a number above 0, or 0 for greedy");
  Require(s.top_k >= 0, "top_k", s.top_k, "give a count, or 0 for off");
  Require(s.top_p > 0 && s.top_p <= 1, "top_p", s.top_p, "give a share above 0; 1 is off");
  Require(s.min_p >= 0 && s.min_p <= 1, "min_p", s.min_p, "give a share; 0 is off");
  const SpeculationOptions& d = o.speculation;
  if (d.name != "none" && d.name != "auto" && d.name != "always")
    throw Error("rollout", "speculation is " + d.name, "give none, auto or always");
  Require(d.max_draft >= 1, "speculation.max_draft", d.max_draft, "give at least 1");
  Require(d.memory_mb >= 0, "speculation.memory_mb", static_cast<double>(d.memory_mb),
          "give a size, or 0 to keep nothing");
  for (const auto& stop : o.stop) {
    if (stop.empty()) throw Error("rollout", "a stop string is empty", "remove it");
  }
}

// What both ways to sample begin with. own: takes the place of drafts that nobody keeps.
RolloutOptions Prepared(const RolloutOptions& given, Speculation* own) {
  Validate(given);
  RolloutOptions options = given;
  if (options.drafts == nullptr) options.drafts = own;
  options.drafts->store.set_max_bytes(options.speculation.memory_mb << 20);
  return options;
}

}  // namespace

void CheckRequest(const Model& model, const RolloutRequest& r) {
  RLVR_CHECK(r.tree.segments.size() == 1 && r.tree.leaves.empty() && r.num_samples >= 1);
  const auto prompt = static_cast<int64_t>(r.tree.segments[0].tokens.size());
  if (prompt == 0)
    throw Error("prompt " + std::to_string(r.tree.prompt_index), "is empty",
                "remove it from the data");
  if (prompt + 1 > model.config().context_length()) {
    throw Error("prompt " + std::to_string(r.tree.prompt_index),
                "has " + std::to_string(prompt) + " tokens, the model's context is " +
                    std::to_string(model.config().context_length()),
                "shorten it or filter the data");
  }
}

void RolloutFeed(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& given,
                 GroupFeed* feed, RolloutStats* stats) {
  Speculation own;
  const RolloutOptions options = Prepared(given, &own);
  SampleFeed(model, tokenizer, options, feed, stats);
}

std::vector<Tree> Rollout(const Model& model, const Tokenizer& tokenizer,
                          const RolloutOptions& options, std::vector<RolloutRequest> requests,
                          RolloutStats* stats,
                          const std::function<void(int64_t, int64_t)>& progress) {
  return Rollout(model, tokenizer, options, StrategySettings{}, {}, std::move(requests), stats,
                 progress);
}

std::vector<Tree> Rollout(const Model& model, const Tokenizer& tokenizer,
                          const RolloutOptions& given, const StrategySettings& strategy,
                          const LeafJudge& judge, std::vector<RolloutRequest> requests,
                          RolloutStats* stats,
                          const std::function<void(int64_t, int64_t)>& progress) {
  Speculation own;
  const RolloutOptions options = Prepared(given, &own);
  for (const RolloutRequest& request : requests) CheckRequest(model, request);
  if (stats) stats->results.assign(requests.size(), {});
  int64_t total = 0, ended = 0;
  std::vector<std::unique_ptr<Growth>> growths;
  for (size_t i = 0; i < requests.size(); ++i) {
    const RolloutRequest& r = requests[i];
    total += r.num_samples;
    if (r.conversation && strategy.name != "independent") {
      throw Error("rollout.strategy", "conversations do not go with " + strategy.name,
                  "use independent");
    }
    GrowthContext context{r.num_samples, options.max_tokens, r.key, &tokenizer, {}};
    if (judge)
      context.judge = [&judge, i](const Tree& tree, const Leaf& leaf) {
        return judge(static_cast<int64_t>(i), tree, leaf);
      };
    growths.push_back(MakeGrowth(strategy, std::move(context)));
  }
  // Where every segment is a trajectory, each one's end is progress; else a tree's new leaves are.
  const bool flat = strategy.name == "independent";
  const std::function<void()> on_end = [&] {
    if (progress && flat) progress(++ended, total);
  };
  std::vector<std::vector<Grown>> grown(requests.size());
  for (;;) {
    std::vector<Expansion> round;
    std::vector<size_t> owner;  // of each segment to come
    for (size_t i = 0; i < requests.size(); ++i) {
      if (!growths[i]) continue;
      const auto next = growths[i]->Next(&requests[i].tree, grown[i]);
      if (next.empty()) growths[i] = nullptr;  // its tree is whole
      for (Expansion e : next) {
        e.request = static_cast<int64_t>(i);
        owner.insert(owner.end(), static_cast<size_t>(e.num_samples), i);
        round.push_back(e);
      }
      grown[i].clear();
    }
    if (!flat && progress) {
      int64_t leaves = 0;
      for (const RolloutRequest& r : requests) leaves += static_cast<int64_t>(r.tree.leaves.size());
      progress(leaves, total);
    }
    if (round.empty()) break;
    const auto segments = SampleSegments(model, tokenizer, options, requests, round, stats, on_end);
    for (size_t k = 0; k < segments.size(); ++k) {
      if (stats && segments[k].result) stats->results[owner[k]].push_back(*segments[k].result);
      grown[owner[k]].push_back(segments[k]);
    }
  }
  std::vector<Tree> trees;
  trees.reserve(requests.size());
  for (auto& r : requests) trees.push_back(std::move(r.tree));
  return trees;
}

}  // namespace rlvr
