#include "data/gsm_micro_dialogues.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "data/gsm_micro_parts.h"

namespace rlvr {
namespace {

using Chain = std::vector<GsmMicroStep>;

// What somebody takes for granted, told or made up: the start, then one operation a day. Only `op`
// and `right` of a step count.
class Belief {
 public:
  explicit Belief(const ShardedGsmMicro& problem)
      : problem_(problem), facts_(problem.steps.size() + 1) {}

  bool Holds(int day) const { return facts_[static_cast<size_t>(day)].has_value(); }
  void Learn(int day) { facts_[static_cast<size_t>(day)] = Truth(day); }

  // Makes up what is not held, so that the chain can be worked: quantities stay in range and
  // divisions come out even. nullopt: no luck, nothing is made up.
  std::optional<Chain> MakeUp(Random& random) {
    constexpr int kTries = 60;
    for (int i = 0; i < kTries; ++i) {
      std::vector<std::optional<GsmMicroStep>> all = facts_;
      if (!all[0].has_value()) all[0] = GsmMicroStep{.right = random.Int(2, 30)};
      Chain chain;
      int64_t value = all[0]->right;
      for (size_t d = 1; d < all.size(); ++d) {
        if (!all[d].has_value()) all[d] = DrawGsmMicroStep(value, random);
        GsmMicroStep s = *all[d];
        s.left = value;
        s.result = ApplyGsmMicro(value, s.op, s.right);
        if (!Works(s)) break;
        value = s.result;
        chain.push_back(s);
      }
      if (chain.size() + 1 < all.size()) continue;
      facts_ = std::move(all);
      return chain;
    }
    return std::nullopt;
  }

 private:
  GsmMicroStep Truth(int day) const {
    if (day == 0) return {.right = problem_.steps.front().left};
    return problem_.steps[static_cast<size_t>(day) - 1];
  }
  static bool Works(const GsmMicroStep& s) {
    const int64_t back = s.op == '+'   ? s.result - s.right
                         : s.op == '-' ? s.result + s.right
                         : s.op == '*' ? s.result / s.right
                                       : s.result * s.right;
    return back == s.left && s.result >= 1 && s.result <= kMaxGsmMicroValue;
  }

  const ShardedGsmMicro& problem_;
  std::vector<std::optional<GsmMicroStep>> facts_;
};

std::string GuessAtOnce(Random& random) { return fmt::format("Answer: {}", random.Int(1, 60)); }

std::string WorkThrough(const ShardedGsmMicro& problem, const Chain& chain) {
  ShardedGsmMicro believed;
  believed.steps = chain;
  believed.answer = chain.back().result;
  believed.owner = problem.owner;
  return DatedSolution(believed);
}

std::string SolveKnown(const ShardedGsmMicro& problem, double careful, Random& random) {
  return random.Uniform() < careful ? DatedSolution(problem) : SloppyDatedSolution(problem, random);
}

int64_t FinalNumber(const std::string& turn) {
  const size_t at = turn.rfind("Answer: ");
  return at == std::string::npos ? -1 : std::stoll(turn.substr(at + 8));
}

// Works as far as what is told goes, then asks for the first missing fact, or says that it is
// missing.
std::string Ask(const ShardedGsmMicro& problem, const std::vector<bool>& told, bool states,
                int* asked) {
  std::string text;
  int day = 0;
  for (; told[static_cast<size_t>(day)]; ++day) {
    if (day == 0) continue;
    const GsmMicroStep& s = problem.steps[static_cast<size_t>(day) - 1];
    text += fmt::format("Day {}: {}{}{}={}\n", day, s.left, s.op, s.right, s.result);
  }
  *asked = day;
  if (!states) return text + AskAbout(problem, day);
  return text + (day == 0 ? "I cannot answer: the start is missing."
                          : fmt::format("I cannot answer: day {} is missing.", day));
}

bool AllTold(const std::vector<bool>& told) {
  return std::all_of(told.begin(), told.end(), [](bool t) { return t; });
}

const std::string& SayShard(const Shard& shard, Random& random) {
  if (shard.paraphrases.empty() || random.Uniform() < 0.7) return shard.text;
  return random.Choice(shard.paraphrases);
}

void Incomplete(const ShardedGsmMicro& p, const DialogueOptions& options, Random& random,
                Dialogue* dialogue) {
  std::vector<bool> told(p.steps.size() + 1);
  do {
    for (size_t d = 0; d < told.size(); ++d) told[d] = random.Uniform() < 0.5;
  } while (AllTold(told));
  std::vector<std::string> kept;
  Belief belief(p);
  for (size_t i = 1; i < p.day.size(); ++i) {
    const int day = p.day[i];
    if (day == kDistractorDay ? random.Uniform() < 0.5 : told[static_cast<size_t>(day)]) {
      kept.push_back(p.text.shards[i].text);
      if (day >= 0) belief.Learn(day);
    }
  }
  std::string prompt;
  const std::string& intent = p.text.shards.front().text;
  if (random.Uniform() < 0.5) {
    kept.insert(kept.begin(), intent);
    prompt = ConcatText(kept);
  } else {  // in the order of the full question
    std::sort(kept.begin(), kept.end(), [&](const auto& a, const auto& b) {
      return p.text.question.find(a) < p.text.question.find(b);
    });
    for (const auto& fact : kept) prompt += fact + " ";
    prompt += intent;
  }
  dialogue->messages.emplace_back("user", prompt);
  dialogue->asks = random.Uniform() < options.ask;
  int asked = 0;
  std::string turn;
  if (dialogue->asks) {
    turn = Ask(p, told, random.Uniform() < options.states, &asked);
  } else {
    const auto chain = random.Uniform() < 0.25 ? std::nullopt : belief.MakeUp(random);
    turn = chain.has_value() ? WorkThrough(p, *chain) : GuessAtOnce(random);
  }
  dialogue->messages.emplace_back("assistant", std::move(turn));
}

// A shard a turn. The user reveals them in their order, or, asked for one, that one; stops at the
// right answer, or when all are told.
void Converse(const ShardedGsmMicro& p, const DialogueOptions& options, double careful,
              Random& random, Dialogue* dialogue) {
  dialogue->asks = random.Uniform() < options.ask;
  const bool answers = random.Uniform() < 0.5;  // the user, what was asked
  std::vector<bool> revealed(p.text.shards.size()), told(p.steps.size() + 1);
  Belief belief(p);
  bool made_up = false;
  int asked = -1;
  for (size_t turn = 0; turn < p.text.shards.size(); ++turn) {
    size_t next = 0;
    while (revealed[next]) ++next;
    if (answers && asked >= 0) {
      const auto at =
          static_cast<size_t>(std::find(p.day.begin(), p.day.end(), asked) - p.day.begin());
      if (!revealed[at]) next = at;
    }
    revealed[next] = true;
    const int day = p.day[next];
    if (day >= 0) {
      told[static_cast<size_t>(day)] = true;
      if (!belief.Holds(day) || random.Uniform() >= options.stubborn) belief.Learn(day);
    }
    dialogue->messages.emplace_back("user", SayShard(p.text.shards[next], random));

    std::string reply;
    asked = -1;
    if (dialogue->asks) {
      reply = AllTold(told) ? SolveKnown(p, careful, random)
                            : Ask(p, told, random.Uniform() < options.states, &asked);
    } else if (AllTold(told) && !made_up) {
      reply = SolveKnown(p, careful, random);
    } else if (random.Uniform() < 0.25) {
      reply = GuessAtOnce(random);
    } else {
      const auto chain = belief.MakeUp(random);
      made_up |= chain.has_value();
      reply = chain.has_value() ? WorkThrough(p, *chain) : GuessAtOnce(random);
    }
    const bool right = FinalNumber(reply) == p.answer;
    dialogue->messages.emplace_back("assistant", std::move(reply));
    if (right) return;
  }
}

}  // namespace

Dialogue MakeDialogue(const DialogueOptions& options, double careful, uint64_t seed, int64_t row,
                      RandomKey key) {
  const ShardedGsmMicro p = MakeShardedGsmMicro(options.problem, seed, Split::kTrain, row);
  Random random(key);
  Dialogue dialogue;
  double kind = random.Uniform();
  if (kind < options.full) {
    dialogue.messages = {{"user", p.text.question}, {"assistant", SolveKnown(p, careful, random)}};
  } else if ((kind -= options.full) < options.concat) {
    dialogue.kind = DialogueKind::kConcat;
    dialogue.messages = {{"user", ConcatText(TextsOf(p.text.shards))},
                         {"assistant", SolveKnown(p, careful, random)}};
  } else if (kind - options.concat < options.incomplete) {
    dialogue.kind = DialogueKind::kIncomplete;
    Incomplete(p, options, random, &dialogue);
  } else {
    dialogue.kind = DialogueKind::kConversation;
    Converse(p, options, careful, random, &dialogue);
  }
  return dialogue;
}

}  // namespace rlvr
