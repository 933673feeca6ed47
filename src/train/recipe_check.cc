#include "train/recipe_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "objective/coefficient.h"
#include "train/update.h"

namespace rlvr {
namespace {

using Doubles = std::vector<double>;
using Order = std::vector<size_t>;

constexpr int64_t kMicroBatches[] = {1, 60, int64_t{1} << 40};  // a tree each, a few, all at once

// Collects comparisons of one property.
class Comparison {
 public:
  explicit Comparison(std::string name, double bound = 0) {
    property_.name = std::move(name);
    property_.bound = bound;
  }
  // `where` and `what` make the message of the first failure.
  template <class Where>
  void Bits(double a, double b, const Where& where) {
    ++compared_;
    if (std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b)) return;
    const double difference = std::abs(a - b);
    if (!(difference <= property_.deviation)) property_.deviation = difference;
    Fail([&] { return fmt::format("{}: {} and {}", where(), a, b); });
  }
  template <class Where>
  void Within(double deviation, const Where& where) {
    ++compared_;
    if (!(deviation <= property_.deviation)) property_.deviation = deviation;  // NaN too
    if (!(deviation <= property_.bound)) Fail(where);
  }
  template <class Where>
  void Fail(const Where& where) {
    if (failed_++ == 0) property_.what = where();
    property_.pass = false;
  }
  CheckedProperty Done(const std::string& unit) {
    if (property_.pass) {
      property_.what = fmt::format("{} {}", compared_, unit);
    } else if (compared_ > 0) {
      property_.what = fmt::format("{} of {} {}; {}", failed_, compared_, unit, property_.what);
    }
    return property_;
  }

 private:
  CheckedProperty property_;
  int64_t compared_ = 0, failed_ = 0;
};

// Runs with n threads, then with as many as before.
class Threads {
 public:
  explicit Threads(int n) : before_(NumThreads()) { SetNumThreads(n); }
  ~Threads() { SetNumThreads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

std::string NameOf(const Rows& rows, int64_t t) {
  const auto row = static_cast<size_t>(RowOfTokens(rows)[static_cast<size_t>(t)]);
  const auto group = static_cast<size_t>(GroupOfRows(rows)[row]);
  return fmt::format("prompt {}, sample {}, token {}", rows.prompt[group], rows.sample[row],
                     t - rows.begin[row]);
}

class Checker {
 public:
  Checker(const CheckedStages& stages, const CheckSettings& settings)
      : stages_(stages),
        objective_(*stages.objective),
        batch_(MakeCheckBatch(settings)),
        wanted_(objective_.needs().statistics) {
    needs_ = objective_.needs();
    needs_.Add(stages.reward_shaping->needs());
    needs_.Add(stages.advantage->needs());
    needs_.process_reward = needs_.process_reward || stages.flow_reward;  // likewise any numbers
    for (size_t g = 0; g < batch_.trees.size(); ++g) {
      if (!stages.selector || stages.selector->Keep(batch_.trees[g])) order_.push_back(g);
    }
    if (order_.empty()) {
      throw Error("select", "keeps none of the groups that the check makes",
                  "it has groups with 0, 1, 2, 3 and 4 right answers of 4");
    }
    rows_ = AfterStages(order_, 2);
    totals_ = CountTotals(rows_);
    statistics_ = Statistics(order_);
    base_ = objective_.Evaluate(rows_, totals_, statistics_, key_);
  }

  std::vector<CheckedProperty> All() {
    return {Gradient(), SameStatistics(), Advantages(), OrderOfGroups(),
            Split(),    Accumulation(),   Packing(),    LoneSuccess()};
  }

 private:
  // The rows as the loss sees them at the `steps`-th of a run's steps.
  Rows AfterStages(const Order& order, int steps) const {
    RunState state;
    Rows rows;
    for (int i = 0; i < steps; ++i) {
      rows = MakeCheckRows(batch_, order, needs_);
      Apply(&rows, &state, i);
    }
    return rows;
  }
  BatchContext Context(RunState* state, int64_t later, std::vector<MetricTerm>* metrics) const {
    return {.step = batch_.settings.step + later,
            .total_steps = batch_.settings.total_steps + 1,
            .max_tokens = kCheckMaxTokens,
            .key = key_[static_cast<uint64_t>(later)],
            .state = state,
            .tokenizer = batch_.tokenizer.get(),
            .metrics = metrics};
  }
  void Apply(Rows* rows, RunState* state, int64_t later) const {
    std::vector<MetricTerm> metrics;
    BatchContext context = Context(state, later, &metrics);
    const RandomKey key = context.key;
    context.key = key[0];
    stages_.reward_shaping->Apply(rows, context);
    context.key = key[1];
    stages_.advantage->Apply(rows, context);
  }

  // [wanted][T]
  std::vector<Doubles> Statistics(const Order& order) const {
    const auto fields = CheckStatistics(batch_, order, wanted_, kMicroBatches[2]);
    const auto trees = batch_.InOrder(order);
    std::vector<Doubles> values;
    for (const auto& f : fields) values.push_back(LeafRows(trees, f));
    return values;
  }

  std::vector<Order> Orders() const {
    Order reversed(order_.rbegin(), order_.rend()), rotated = order_;
    std::rotate(rotated.begin(), rotated.begin() + static_cast<int64_t>(rotated.size() / 2),
                rotated.end());
    return {reversed, rotated};
  }
  // body(base token, token of the other order), or likewise for rows.
  template <class Body>
  void ForEachPair(const Order& order, const Rows& rows, bool tokens, const Body& body) const {
    for (size_t i = 0; i < order.size(); ++i) {
      const auto at =
          static_cast<size_t>(std::find(order_.begin(), order_.end(), order[i]) - order_.begin());
      int64_t a = rows_.group_begin[at], b = rows.group_begin[i];
      int64_t end = rows_.group_begin[at + 1];
      if (tokens) {
        a = rows_.begin[a];
        b = rows.begin[b];
        end = rows_.begin[end];
      }
      for (; a < end; ++a, ++b) body(static_cast<size_t>(a), static_cast<size_t>(b));
    }
  }

  CheckedProperty Gradient() const;
  CheckedProperty SameStatistics() const;
  CheckedProperty Advantages() const;
  CheckedProperty OrderOfGroups() const;
  CheckedProperty Split() const;
  CheckedProperty Accumulation() const;
  CheckedProperty Packing() const;
  CheckedProperty LoneSuccess() const;
  std::vector<float> WeightGradient(const Order& order, const Rows& rows, int64_t micro,
                                    bool recompute) const;

  CheckedStages stages_;
  const Objective& objective_;
  CheckBatch batch_;
  std::vector<Statistic> wanted_;
  Needs needs_;
  Order order_;  // of the selected trees
  Rows rows_;
  Totals totals_;
  std::vector<Doubles> statistics_;  // [wanted][T]
  ObjectiveResult base_;
  RandomKey key_{11};
};

CheckedProperty Checker::Gradient() const {
  Comparison c("gradient", kGradientBound);
  std::vector<Doubles> s = statistics_;
  // Slope of J between statistic i of token t moved up by `up` and down by `down`, with or without
  // StopGradient and Constant held.
  const auto difference = [&](size_t i, size_t t, double up, double down, FrozenConstants* frozen) {
    const double keep = s[i][t];
    double J[2];
    for (int side = 0; side < 2; ++side) {
      if (frozen) frozen->Rewind();
      s[i][t] = keep + (side == 0 ? up : -down);
      J[side] = objective_.Evaluate(rows_, totals_, s, key_).objective;
    }
    s[i][t] = keep;
    return (J[0] - J[1]) / (up + down);
  };
  for (size_t i = 0; i < s.size(); ++i) {
    const Doubles& coefficient = base_.coefficients[i];
    double scale = 1e-9;
    for (const double x : coefficient) scale = std::max(scale, std::abs(x));
    for (size_t t = 0; t < coefficient.size(); ++t) {
      double deviation = INFINITY, derivative = 0;
      {
        FrozenConstants frozen;
        objective_.Evaluate(rows_, totals_, s, key_);
        frozen.Freeze();
        // A smaller step where the first one reaches over an edge of a clip.
        for (const double h : {1e-5, 1e-6, 1e-7}) {
          derivative = difference(i, t, h, h, &frozen);
          deviation = std::min(deviation, std::abs(coefficient[t] - derivative) / scale);
          if (deviation <= kGradientBound / 10) break;
        }
        // Tokens that share a context tie, also at the edge of a top share: one side is smooth.
        for (const bool up : {true, false}) {
          if (deviation <= kGradientBound) break;
          const double one_sided = difference(i, t, up ? 1e-7 : 0, up ? 0 : 1e-7, &frozen);
          deviation = std::min(deviation, std::abs(coefficient[t] - one_sided) / scale);
        }
      }
      c.Within(deviation, [&] {
        std::string why;
        if (std::abs(coefficient[t] - difference(i, t, 1e-6, 1e-6, nullptr)) / scale <=
            kGradientBound)
          why = "; it is the derivative through StopGradient, where no gradient may flow";
        return fmt::format("{}: coefficient of {} is {}, dJ / d{} is {}{}",
                           NameOf(rows_, static_cast<int64_t>(t)), ToString(wanted_[i]),
                           coefficient[t], ToString(wanted_[i]), derivative, why);
      });
    }
  }
  return c.Done("derivatives");
}

CheckedProperty Checker::SameStatistics() const {
  Comparison c("statistics");
  const auto base = CheckStatistics(batch_, order_, wanted_, kMicroBatches[2]);
  const auto compare = [&](const Order& order, int64_t micro, int threads) {
    const Threads set(threads);
    const auto fields = CheckStatistics(batch_, order, wanted_, micro);
    const Rows rows = MakeRows(batch_.InOrder(order));
    for (size_t i = 0; i < fields.size(); ++i) {
      const Doubles a = LeafRows(batch_.InOrder(order_), base[i]),
                    b = LeafRows(batch_.InOrder(order), fields[i]);
      ForEachPair(order, rows, true, [&](size_t x, size_t y) {
        c.Bits(a[x], b[y], [&] {
          return fmt::format("{} of {}, {} threads, micro-batches of {} tokens",
                             ToString(wanted_[i]), NameOf(rows_, static_cast<int64_t>(x)), threads,
                             micro);
        });
      });
    }
  };
  for (const int64_t micro : kMicroBatches) compare(order_, micro, 1);
  for (const Order& order : Orders()) compare(order, kMicroBatches[1], 1);
  compare(order_, kMicroBatches[2], 2);
  return c.Done("values");
}

CheckedProperty Checker::Advantages() const {
  Comparison c("advantages");
  const Rows first = AfterStages(order_, 1);
  const auto compare = [&](const Order& order, int steps, int threads) {
    const Threads set(threads);
    const Rows &a = steps == 1 ? first : rows_, b = AfterStages(order, steps);
    const auto columns = [&](const Doubles& u, const Doubles& v, bool tokens, const char* column) {
      if (u.empty() && v.empty()) return;
      ForEachPair(order, b, tokens, [&](size_t x, size_t y) {
        c.Bits(u[x], v[y], [&] {
          const int64_t t = tokens ? static_cast<int64_t>(x) : rows_.begin[x];
          return fmt::format("{} of {}, groups in another order, step {}", column, NameOf(rows_, t),
                             steps);
        });
      });
    };
    columns(a.reward, b.reward, false, "reward");
    columns(a.adv, b.adv, true, "advantage");
    columns(a.weight, b.weight, true, "weight");
    columns(a.mask, b.mask, true, "mask");
    columns(a.value_target, b.value_target, true, "value target");
    for (const auto& [name, column] : a.more) columns(column, b.more.at(name), true, name.c_str());
  };
  for (const Order& order : Orders()) {
    for (const int steps : {1, 2}) compare(order, steps, 1);
  }
  compare(order_, 2, 2);
  return c.Done("values");
}

CheckedProperty Checker::OrderOfGroups() const {
  Comparison c("order");
  for (const Order& order : Orders()) {
    const Rows rows = AfterStages(order, 2);
    const Totals totals = CountTotals(rows);
    const auto statistics = Statistics(order);
    for (const int threads : {1, 2}) {
      const Threads set(threads);
      const ObjectiveResult r = objective_.Evaluate(rows, totals, statistics, key_);
      for (size_t i = 0; i < wanted_.size(); ++i) {
        ForEachPair(order, rows, true, [&](size_t x, size_t y) {
          c.Bits(base_.coefficients[i][x], r.coefficients[i][y], [&] {
            return fmt::format("the order of groups changes the coefficient of {} of {}",
                               ToString(wanted_[i]), NameOf(rows_, static_cast<int64_t>(x)));
          });
        });
      }
    }
  }
  return c.Done("coefficients");
}

CheckedProperty Checker::Split() const {
  Comparison c("split");
  if (!objective_.separable()) {
    CheckedProperty p = c.Done("");
    p.what = "never split: it reads the whole mini-batch";
    return p;
  }
  const int64_t G = rows_.num_groups();
  for (const std::vector<int64_t>& bounds :
       {[&] {
          std::vector<int64_t> each(G + 1);
          std::iota(each.begin(), each.end(), 0);
          return each;
        }(),
        std::vector<int64_t>{0, std::min<int64_t>(2, G), G}, std::vector<int64_t>{0, G - 1, G}}) {
    double J = 0;
    for (size_t m = 0; m + 1 < bounds.size(); ++m) {
      if (bounds[m] == bounds[m + 1]) continue;
      const Rows part = Part(rows_, bounds[m], bounds[m + 1]);
      const auto begin = static_cast<size_t>(rows_.begin[rows_.group_begin[bounds[m]]]);
      std::vector<Doubles> values;
      for (const Doubles& s : statistics_)
        values.emplace_back(s.begin() + static_cast<int64_t>(begin),
                            s.begin() + static_cast<int64_t>(begin) + part.num_tokens());
      const ObjectiveResult r = objective_.Evaluate(part, totals_, values, key_);
      J += r.objective;
      for (size_t i = 0; i < wanted_.size(); ++i) {
        for (size_t t = 0; t < r.coefficients[i].size(); ++t) {
          c.Bits(base_.coefficients[i][begin + t], r.coefficients[i][t], [&] {
            return fmt::format(
                "the micro-batch changes the coefficient of {} of {}: whole, and in one of {} "
                "parts",
                ToString(wanted_[i]), NameOf(rows_, static_cast<int64_t>(begin + t)),
                bounds.size() - 1);
          });
        }
      }
    }
    const double scale = std::max(1e-9, std::abs(base_.objective));
    if (!(std::abs(J - base_.objective) <= 1e-9 * scale)) {
      c.Fail([&] {
        return fmt::format("the parts' J sum to {}, the whole J is {}", J, base_.objective);
      });
    }
  }
  return c.Done("coefficients");
}

std::vector<float> Checker::WeightGradient(const Order& order, const Rows& rows, int64_t micro,
                                           bool recompute) const {
  const auto model = CopyOfTrained(batch_);
  Updater updater(model.get(), &objective_, {}, 1, batch_.settings.temperature, micro,
                  {.recompute = recompute});
  TreePasses reference(batch_.reference.get());
  updater.SetReference(&reference);
  Optimizer optimizer(*model);
  updater.MiniBatch(batch_.InOrder(order), rows, false, key_, &optimizer);
  const float* g = updater.gradient().body();
  return {g, g + model->trainable().total};
}

CheckedProperty Checker::Accumulation() const {
  Comparison c("accumulation");
  const auto base = WeightGradient(order_, rows_, kMicroBatches[2], false);
  const auto compare = [&](int64_t micro, int threads, bool recompute) {
    const Threads set(threads);
    const auto g = WeightGradient(order_, rows_, micro, recompute);
    for (size_t i = 0; i < g.size(); ++i) {
      c.Bits(base[i], g[i], [&] {
        return fmt::format("gradient of weight {}, micro-batches of {} tokens, {} threads", i,
                           micro, threads);
      });
    }
  };
  compare(kMicroBatches[0], 1, false);
  compare(kMicroBatches[1], 1, true);
  compare(kMicroBatches[2], 2, false);
  return c.Done("gradients of weights");
}

CheckedProperty Checker::Packing() const {
  Comparison c("packing", kPackingBound);
  const auto base = WeightGradient(order_, rows_, kMicroBatches[2], false);
  double scale = 1e-12;
  for (const float g : base) scale = std::max(scale, std::abs(double{g}));
  for (const Order& order : Orders()) {
    const auto g = WeightGradient(order, AfterStages(order, 2), kMicroBatches[1], false);
    for (size_t i = 0; i < g.size(); ++i) {
      c.Within(std::abs(double{base[i]} - g[i]) / scale,
               [&] { return fmt::format("gradient of weight {} is {} and {}", i, base[i], g[i]); });
    }
  }
  return c.Done("gradients of weights");
}

CheckedProperty Checker::LoneSuccess() const {
  Comparison c("lone success");
  const auto inapplicable = [&](const char* why) {
    CheckedProperty p = c.Done("");
    p.what = why;
    return p;
  };
  Order order(batch_.trees.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Rows rows = MakeCheckRows(batch_, order, needs_);
  // Groups with 1, 2, 3, 1 ... right answers, and nothing but the verdict in the score.
  const auto right = [&](int64_t g, int64_t s) {
    return s - rows.group_begin[g] <= g % 3 && rows.group_begin[g + 1] - rows.group_begin[g] >= 4;
  };
  std::fill(rows.mask.begin(), rows.mask.end(), 1.0);
  for (int64_t g = 0; g < rows.num_groups(); ++g) {
    for (int64_t s = rows.group_begin[g]; s < rows.group_begin[g + 1]; ++s) {
      rows.verdict[s] = right(g, s) ? Verdict::kRight : Verdict::kWrong;
      rows.reward[s] = rows.score[s] =
          right(g, s) ? batch_.settings.correct : batch_.settings.wrong;
      rows.truncated[s] = 0;
    }
  }
  const Doubles score = rows.score;
  RunState state;
  Apply(&rows, &state, 0);
  if (rows.reward != score) return inapplicable("reward_shaping gives other rewards than verdicts");
  bool of_many = false;  // a right response among several has an advantage
  std::vector<bool> lone, lone_group;
  for (int64_t g = 0; g < rows.num_groups(); ++g) {
    if (rows.group_begin[g + 1] - rows.group_begin[g] < 4) continue;
    if (rows.replayed[rows.group_begin[g]]) continue;  // what it gets is the replaying method's
    bool of_right = false, any = false;
    for (int64_t s = rows.group_begin[g]; s < rows.group_begin[g + 1]; ++s) {
      for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) {
        const bool trains = rows.adv[t] * rows.weight[t] * rows.mask[t] != 0;
        any = any || trains;
        of_right = of_right || (trains && right(g, s));
      }
    }
    if (g % 3 != 0) of_many = of_many || of_right;
    if (g % 3 == 0) {
      lone.push_back(of_right);
      lone_group.push_back(any);
    }
  }
  for (size_t i = 0; i < lone.size(); ++i) {
    if (!lone_group[i]) {
      c.Fail([] { return "a group with rewards [1, 0, 0, 0, 0] has no advantage at all"; });
    } else if (of_many && !lone[i]) {
      c.Fail([] {
        return "the right response of [1, 0, 0, 0, 0] has advantage 0, and those of [1, 1, 0, 0] "
               "have "
               "not";
      });
    }
  }
  CheckedProperty p = c.Done("");
  if (p.pass) {
    p.what = of_many ? "the right response of [1, 0, 0, 0, 0] trains"
                     : "[1, 0, 0, 0, 0] trains; right responses have no advantage in any group";
  }
  return p;
}

}  // namespace

std::vector<CheckedProperty> CheckStages(const CheckedStages& stages,
                                         const CheckSettings& settings) {
  const Threads one(1);  // but where a property asks for two: handing over so little costs more
  return Checker(stages, settings).All();
}

std::vector<CheckedProperty> CheckRecipe(const Recipe& recipe) {
  if (recipe.kind != "rl") return {};
  // Where the verdict gives no score, terms of the reward do: right responses must differ here too.
  const bool scored = recipe.reward.correct != recipe.reward.wrong;
  CheckSettings settings{.correct = scored ? recipe.reward.correct : 1,
                         .wrong = scored ? recipe.reward.wrong : 0,
                         .overlong = recipe.reward.overlong,
                         .temperature = recipe.rollout.options.sampling.score_temperature(),
                         .step = std::max<int64_t>(1, recipe.trainer.steps / 2),
                         .total_steps = recipe.trainer.steps,
                         .expert = recipe.expert.rows > 0,
                         .replay = recipe.replay.groups > 0};
  const auto in_mid_run = [&](const char* stage) -> ConfigNode {
    const ConfigNode* node = recipe.resolved.Find(stage);
    return node ? ResolveCoefficients(*node, stage, settings.step, {}) : ConfigNode{};
  };
  const ConfigNode shaping = in_mid_run("reward_shaping"), advantage = in_mid_run("advantage"),
                   weight = in_mid_run("token_weight"), loss = in_mid_run("policy_loss"),
                   regularizer = in_mid_run("regularizer"), select = in_mid_run("select");
  const BatchStages shaping_stages = MakeRewardShaping(&shaping),
                    advantage_stages = MakeAdvantage(&advantage);
  const auto objective = MakeObjective(&weight, &loss, &regularizer);
  const auto selector = MakeSelector(&select);
  const CheckedStages stages{.reward_shaping = &shaping_stages,
                             .advantage = &advantage_stages,
                             .objective = objective.get(),
                             .selector = selector.get(),
                             .flow_reward = ReadsFlowReward(recipe.resolved)};
  std::vector<CheckedProperty> worst;
  for (const uint64_t seed : {1, 2, 3}) {
    settings.seed = seed;
    settings.compute = seed == 3 ? ComputeType::kBf16 : ComputeType::kFp32;
    const auto properties = CheckStages(stages, settings);
    if (worst.empty()) worst = properties;
    for (size_t i = 0; i < worst.size(); ++i) {
      const CheckedProperty &p = properties[i], &w = worst[i];
      if (std::pair(!p.pass, p.deviation) > std::pair(!w.pass, w.deviation)) worst[i] = p;
    }
  }
  return worst;
}

}  // namespace rlvr
