#include "eval/conversation_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "eval/crossed_bootstrap.h"

namespace rlvr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Indices of the instructions of each task.
using Strata = std::vector<std::vector<size_t>>;

Strata ByTask(const std::vector<std::string>& task) {
  std::map<std::string, std::vector<size_t>> by_task;
  for (size_t i = 0; i < task.size(); ++i) by_task[task[i]].push_back(i);
  Strata strata;
  for (auto& [name, indices] : by_task) strata.push_back(std::move(indices));
  return strata;
}

// Mean over instructions, then over tasks.
double MeanOverTasks(const std::vector<double>& values, const Strata& picked) {
  double mean = 0;
  for (const auto& indices : picked) {
    double sum = 0;
    for (const size_t i : indices) sum += values[i];
    mean += sum / static_cast<double>(indices.size()) / static_cast<double>(picked.size());
  }
  return mean;
}

// A statistic of picked instructions with its interval; each resample draws as many instructions
// as a task has, task by task. Resamples in which it is not a number do not count.
template <class Statistic>
Interval Bootstrap(const Strata& strata, RandomKey key, const Statistic& statistic) {
  Interval interval;
  interval.mean = statistic(strata);
  constexpr int kResamples = 1000;
  std::vector<double> drawn;
  Random random(key);
  Strata picked = strata;
  for (int r = 0; r < kResamples; ++r) {
    for (size_t s = 0; s < strata.size(); ++s) {
      const auto last = static_cast<int64_t>(strata[s].size()) - 1;
      for (size_t& i : picked[s]) i = strata[s][static_cast<size_t>(random.Int(0, last))];
    }
    const double value = statistic(picked);
    if (std::isfinite(value)) drawn.push_back(value);
  }
  if (drawn.empty()) return NoInterval();
  std::sort(drawn.begin(), drawn.end());
  interval.low = drawn[drawn.size() * 25 / 1000];
  interval.high = drawn[(drawn.size() * 975 + 999) / 1000 - 1];
  return interval;
}

Interval MeanInterval(const std::vector<double>& values, const Strata& strata, RandomKey key) {
  return Bootstrap(strata, key,
                   [&](const Strata& picked) { return MeanOverTasks(values, picked); });
}

Interval RatioInterval(const std::vector<double>& numerator, const std::vector<double>& denominator,
                       const Strata& strata, RandomKey key) {
  return Bootstrap(strata, key, [&](const Strata& picked) {
    const double below = MeanOverTasks(denominator, picked);
    return below > 0 ? MeanOverTasks(numerator, picked) / below : kNaN;
  });
}

std::vector<double> Column(const std::vector<RunScores>& scores, double RunScores::*field) {
  std::vector<double> column;
  for (const RunScores& s : scores) column.push_back(s.*field);
  return column;
}

}  // namespace

Interval NoInterval() { return {kNaN, kNaN, kNaN}; }

double Percentile(std::vector<double> values, double q) {
  RLVR_CHECK(!values.empty() && q >= 0 && q <= 100) << values.size() << " " << q;
  std::sort(values.begin(), values.end());
  const double position = static_cast<double>(values.size() - 1) * q / 100;
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, values.size() - 1);
  const double share = position - static_cast<double>(below);
  return values[below] + share * (values[above] - values[below]);
}

RunScores ScoresOfRuns(const std::vector<double>& scores) {
  RunScores s;
  for (const double score : scores) s.P += score / static_cast<double>(scores.size());
  s.A90 = Percentile(scores, 90);
  s.U90_10 = s.A90 - Percentile(scores, 10);
  s.R90 = 100 - s.U90_10;
  return s;
}

int FifthOf(int64_t turn, int64_t num_shards, int64_t num_turns) {
  const int64_t length = std::max({num_shards, num_turns, int64_t{1}});
  RLVR_CHECK(turn >= 0 && turn < length) << turn << " " << length;
  return static_cast<int>(kNumFifths * (2 * turn + 1) / (2 * length));
}

ConversationSummary Summarize(const std::vector<ScoredConversation>& conversations, RandomKey key) {
  ConversationSummary summary;
  summary.num_conversations = static_cast<int64_t>(conversations.size());
  for (Fifth& f : summary.first_attempt) f.P = kNaN;
  if (conversations.empty()) return summary;

  struct Runs {
    std::string task;
    std::vector<double> scores;
    double early_turns = 0, early_attempts = 0, hasty_runs = 0;
  };
  std::map<int64_t, Runs> by_instruction;
  std::array<double, kNumFifths> fifth_sum{};
  std::array<int64_t, kNumTurnStrategies> strategies{};
  int64_t silent = 0;
  for (const ScoredConversation& c : conversations) {
    Runs& runs = by_instruction[c.instruction];
    RLVR_CHECK(runs.scores.empty() || runs.task == c.task) << c.instruction;
    runs.task = c.task;
    runs.scores.push_back(c.score);
    const auto num_turns = static_cast<int64_t>(c.turns.size());
    summary.num_turns += num_turns;
    int64_t first = -1;
    bool hasty = false;
    for (int64_t t = 0; t < num_turns; ++t) {
      const ScoredTurn& turn = c.turns[static_cast<size_t>(t)];
      const bool attempt = turn.strategy == TurnStrategy::kAnswerAttempt;
      ++strategies[static_cast<size_t>(turn.strategy)];
      if (attempt && first < 0) first = t;
      if (turn.specified) continue;
      ++runs.early_turns;
      runs.early_attempts += attempt;
      hasty |= attempt;
    }
    runs.hasty_runs += hasty;
    if (first < 0) {
      ++silent;
    } else {
      const auto f = static_cast<size_t>(FifthOf(first, c.num_shards, num_turns));
      ++summary.first_attempt[f].conversations;
      fifth_sum[f] += c.score;
    }
  }
  for (size_t f = 0; f < kNumFifths; ++f) {
    Fifth& fifth = summary.first_attempt[f];
    if (fifth.conversations > 0) fifth.P = fifth_sum[f] / static_cast<double>(fifth.conversations);
  }
  summary.without_attempt = static_cast<double>(silent) / static_cast<double>(conversations.size());
  for (size_t s = 0; s < strategies.size() && summary.num_turns > 0; ++s) {
    summary.strategy_share[s] =
        static_cast<double>(strategies[s]) / static_cast<double>(summary.num_turns);
  }

  std::vector<double> early_turns, early_attempts, hasty_runs;
  for (const auto& [number, runs] : by_instruction) {
    summary.instruction.push_back(number);
    summary.task.push_back(runs.task);
    summary.scores.push_back(ScoresOfRuns(runs.scores));
    early_turns.push_back(runs.early_turns);
    early_attempts.push_back(runs.early_attempts);
    hasty_runs.push_back(runs.hasty_runs / static_cast<double>(runs.scores.size()));
  }
  summary.num_instructions = static_cast<int64_t>(by_instruction.size());
  const Strata strata = ByTask(summary.task);
  const std::vector<double> P = Column(summary.scores, &RunScores::P);
  summary.P = MeanInterval(P, strata, key[0]);
  summary.A90 = MeanInterval(Column(summary.scores, &RunScores::A90), strata, key[1]);
  summary.U90_10 = MeanInterval(Column(summary.scores, &RunScores::U90_10), strata, key[2]);
  summary.R90 = {100 - summary.U90_10.mean, 100 - summary.U90_10.high, 100 - summary.U90_10.low};
  for (const auto& indices : strata)
    summary.P_of_task[summary.task[indices[0]]] = MeanInterval(P, {indices}, key[3]);
  summary.premature_turns = RatioInterval(early_attempts, early_turns, strata, key[4]);
  summary.premature_conversations = MeanInterval(hasty_runs, strata, key[5]);
  return summary;
}

Interval RelativeScore(const ConversationSummary& a, const ConversationSummary& b, RandomKey key) {
  std::vector<double> above, below;
  std::vector<std::string> task;
  for (size_t i = 0, j = 0; i < a.instruction.size() && j < b.instruction.size();) {
    if (a.instruction[i] < b.instruction[j]) {
      ++i;
    } else if (a.instruction[i] > b.instruction[j]) {
      ++j;
    } else {
      above.push_back(100 * a.scores[i].P);
      below.push_back(b.scores[j].P);
      task.push_back(a.task[i]);
      ++i, ++j;
    }
  }
  if (task.empty()) return NoInterval();
  return RatioInterval(above, below, ByTask(task), key);
}

Interval ScoreOverSeeds(const std::vector<ConversationSummary>& seeds, double RunScores::*figure,
                        RandomKey key) {
  SeedsByPrompts values;
  for (const ConversationSummary& seed : seeds) {
    RLVR_CHECK(seed.instruction == seeds[0].instruction) << "seeds have other instructions";
    values.push_back(Column(seed.scores, figure));
  }
  return CrossedBootstrap(values, key);
}

}  // namespace rlvr
