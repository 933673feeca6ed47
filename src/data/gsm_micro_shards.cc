#include "data/gsm_micro_shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "data/gsm_micro_parts.h"

namespace rlvr {
namespace {

using Texts = std::vector<std::string>;

// Every way to say what happens on a day.
Texts SayDay(int day, const GsmMicroStep& step, const std::string& owner, const std::string& other,
             const std::string& item) {
  const int64_t n = step.right;
  Texts ways;
  const auto say = [&](std::string what) {
    ways.push_back(fmt::format("On day {} {}.", day, what));
  };
  switch (step.op) {
    case '+':
      say(fmt::format("{} buys {} {}", owner, n, item));
      say(fmt::format("{} finds {} {}", owner, n, item));
      say(fmt::format("{} gives {} {} {}", other, owner, n, item));
      break;
    case '-':
      say(fmt::format("{} loses {} {}", owner, n, item));
      say(fmt::format("{} sells {} {}", owner, n, item));
      say(fmt::format("{} gives {} {} to {}", owner, n, item, other));
      break;
    case '*':
      if (n == 2) say(fmt::format("{} doubles the {}", owner, item));
      if (n == 3) say(fmt::format("{} triples the {}", owner, item));
      say(fmt::format("{} has {} times as many {}", owner, n, item));
      say(fmt::format("{} has {} times the {}", owner, n, item));
      break;
    default:
      if (n == 2) say(fmt::format("{} keeps half of the {}", owner, item));
      say(fmt::format("{} puts the {} in {} equal boxes and keeps one box", owner, item, n));
      say(fmt::format("{} has one of {} equal boxes of the {}", owner, n, item));
      break;
  }
  return ways;
}

Texts SayStart(int64_t start, const std::string& owner, const std::string& item) {
  return {fmt::format("{} starts with {} {}.", owner, start, item),
          fmt::format("At the start {} has {} {}.", owner, start, item)};
}

// One way, picked at random; the others are its paraphrases.
Shard PickWay(Texts ways, Random& random) {
  const int64_t pick = random.Int(0, static_cast<int64_t>(ways.size()) - 1);
  Shard shard{.text = ways[static_cast<size_t>(pick)]};
  ways.erase(ways.begin() + pick);
  shard.paraphrases = std::move(ways);
  return shard;
}

ShardedGsmMicro DrawSharded(const GsmMicroOptions& options, RandomKey key) {
  Random random(key);
  ShardedGsmMicro p;
  p.steps = DrawGsmMicroChain(options, random);
  p.answer = p.steps.back().result;
  p.item = random.Choice(GsmMicroItems());
  p.owner = random.Choice(GsmMicroNames());

  std::vector<std::pair<int, Shard>> facts;  // day, text
  facts.emplace_back(0, PickWay(SayStart(p.steps.front().left, p.owner, p.item), random));
  for (size_t i = 0; i < p.steps.size(); ++i) {
    const std::string other = DrawOther(GsmMicroNames(), p.owner, random);
    const int day = static_cast<int>(i) + 1;
    facts.emplace_back(day, PickWay(SayDay(day, p.steps[i], p.owner, other, p.item), random));
  }
  if (random.Uniform() < options.distractor_rate) {
    const std::string other = DrawOther(GsmMicroNames(), p.owner, random);
    const std::string other_item = DrawOther(GsmMicroItems(), p.item, random);
    p.distractor = random.Int(2, 20);
    const auto at = random.Int(1, static_cast<int64_t>(facts.size()));
    facts.insert(facts.begin() + at,
                 {kDistractorDay, Shard{.text = SayGsmMicroDistractor(p.distractor, p.owner, other,
                                                                      other_item, random),
                                        .required = false}});
  }
  const std::string intent =
      fmt::format("How many {} does {} have after day {}?", p.item, p.owner, p.steps.size());
  for (const auto& [day, shard] : facts) p.text.question += shard.text + " ";
  p.text.question += intent;

  // Told in pieces, the facts come in any order: who adds up as he goes along is wrong.
  random.Shuffle(facts);
  p.text.shards.push_back({.text = intent});
  p.day.push_back(kIntentDay);
  for (auto& [day, shard] : facts) {
    p.text.shards.push_back(std::move(shard));
    p.day.push_back(day);
  }
  for (size_t i = 0; i < p.text.shards.size(); ++i) p.text.shards[i].id = static_cast<int>(i) + 1;
  return p;
}

std::string DayLine(int day, const GsmMicroStep& s) {
  return fmt::format("Day {}: {}{}{}={}\n", day, s.left, s.op, s.right, s.result);
}

}  // namespace

ShardedGsmMicro MakeShardedGsmMicro(const GsmMicroOptions& options, uint64_t seed, Split split,
                                    int64_t index) {
  RLVR_CHECK(options.min_steps >= 1 && options.min_steps <= options.max_steps);
  const RandomKey key =
      StreamKey(seed, Stream::kData)[static_cast<uint64_t>(split)][static_cast<uint64_t>(index)];
  for (uint64_t attempt = 0;; ++attempt) {
    ShardedGsmMicro p = DrawSharded(options, key[attempt]);
    if (GsmMicroSplit(p.steps) == split) return p;
  }
}

std::string DatedSolution(const ShardedGsmMicro& problem) {
  std::string text;
  for (size_t i = 0; i < problem.steps.size(); ++i)
    text += DayLine(static_cast<int>(i) + 1, problem.steps[i]);
  return text + fmt::format("Answer: {}", problem.answer);
}

std::string SloppyDatedSolution(const ShardedGsmMicro& problem, Random& random) {
  const auto last = static_cast<int64_t>(problem.steps.size()) - 1;
  const double habit = random.Uniform();
  if (habit < 0.35) {
    return fmt::format("Answer: {}", random.Uniform() < 0.1 ? problem.answer
                                                            : GsmMicroSlip(problem.answer, random));
  }
  const bool leaves_out = habit < 0.6 && last > 0;
  const bool works_in = !leaves_out && habit < 0.75 && problem.distractor >= 0;
  const int64_t at = random.Int(0, last);
  int64_t value = problem.steps.front().left;
  std::string text;
  for (int64_t i = 0; i <= last; ++i) {
    GsmMicroStep s = problem.steps[static_cast<size_t>(i)];
    if (i == at && leaves_out) continue;
    if (i == at && works_in) {
      s.op = '+';
      s.right = problem.distractor;
    }
    s.left = value;
    s.result = ApplyGsmMicro(value, s.op, s.right);
    if (i == at && !works_in) s.result = GsmMicroSlip(s.result, random);
    text += DayLine(static_cast<int>(i) + 1, s);
    value = s.result;
  }
  return text + fmt::format("Answer: {}", value);
}

std::string AskAbout(const ShardedGsmMicro& problem, int day) {
  if (day == 0) return fmt::format("How many {} does {} start with?", problem.item, problem.owner);
  return fmt::format("What happens on day {}?", day);
}

}  // namespace rlvr
