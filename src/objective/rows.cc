#include "objective/rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/suggest.h"

namespace rlvr {
namespace {

constexpr const char* kScopes[] = {"token", "response", "group", "family", "task", "batch"};

template <class T>
std::vector<T> Cut(const std::vector<T>& v, int64_t from, int64_t to) {
  if (v.empty()) return {};
  return std::vector<T>(v.begin() + from, v.begin() + to);
}

std::vector<int64_t> CutBounds(const std::vector<int64_t>& v, int64_t from, int64_t to) {
  std::vector<int64_t> out = Cut(v, from, to + 1);
  const int64_t first = out.front();
  for (int64_t& x : out) x -= first;
  return out;
}

}  // namespace

const char* ToString(Scope scope) { return kScopes[static_cast<int>(scope)]; }

Scope ParseScope(const std::string& name) {
  for (size_t i = 0; i < std::size(kScopes); ++i) {
    if (name == kScopes[i]) return static_cast<Scope>(i);
  }
  throw Error("scope", "there is no scope '" + name + "'",
              DidYouMean(name, {std::begin(kScopes), std::end(kScopes)}));
}

const std::vector<double>& Rows::Behaviour(const std::string& statistic) const {
  const auto it = behaviour.find(statistic);
  RLVR_CHECK(it != behaviour.end()) << statistic << " was not declared in needs().behaviour";
  return it->second;
}

Rows Part(const Rows& r, int64_t first, int64_t last) {
  const int64_t s0 = r.group_begin[first], s1 = r.group_begin[last];
  const int64_t t0 = r.begin[s0], t1 = r.begin[s1];
  Rows p;
  p.begin = CutBounds(r.begin, s0, s1);
  p.group_begin = CutBounds(r.group_begin, first, last);
  p.prompt = Cut(r.prompt, first, last);
  p.occurrence = Cut(r.occurrence, first, last);
  p.task = Cut(r.task, first, last);
  p.family = Cut(r.family, first, last);
  p.score = Cut(r.score, s0, s1);
  p.reward = Cut(r.reward, s0, s1);
  p.verdict = Cut(r.verdict, s0, s1);
  p.truncated = Cut(r.truncated, s0, s1);
  p.foreign = Cut(r.foreign, s0, s1);
  p.replayed = Cut(r.replayed, s0, s1);
  p.answer = Cut(r.answer, s0, s1);
  p.answer_hash = Cut(r.answer_hash, s0, s1);
  p.sample = Cut(r.sample, s0, s1);
  p.token = Cut(r.token, t0, t1);
  p.turn = Cut(r.turn, t0, t1);
  p.state = Cut(r.state, t0, t1);
  p.step = Cut(r.step, t0, t1);
  p.step_value = Cut(r.step_value, t0, t1);
  p.turn_reward = Cut(r.turn_reward, t0, t1);
  p.illocution = Cut(r.illocution, t0, t1);
  p.strategy = Cut(r.strategy, t0, t1);
  p.logp_old = Cut(r.logp_old, t0, t1);
  p.entropy_old = Cut(r.entropy_old, t0, t1);
  p.sampler_logp = Cut(r.sampler_logp, t0, t1);
  p.adv = Cut(r.adv, t0, t1);
  p.weight = Cut(r.weight, t0, t1);
  p.mask = Cut(r.mask, t0, t1);
  p.token_reward = Cut(r.token_reward, t0, t1);
  p.logp_ref = Cut(r.logp_ref, t0, t1);
  p.value = Cut(r.value, t0, t1);
  p.value_target = Cut(r.value_target, t0, t1);
  for (const auto& [name, column] : r.more) p.more[name] = Cut(column, t0, t1);
  for (const auto& [name, column] : r.behaviour) p.behaviour[name] = Cut(column, t0, t1);
  return p;
}

std::vector<int32_t> GroupOfRows(const Rows& rows) {
  std::vector<int32_t> group;
  for (int64_t g = 0; g < rows.num_groups(); ++g)
    group.insert(group.end(), static_cast<size_t>(rows.group_begin[g + 1] - rows.group_begin[g]),
                 static_cast<int32_t>(g));
  return group;
}

std::vector<int32_t> RowOfTokens(const Rows& rows) {
  std::vector<int32_t> row;
  for (int64_t s = 0; s < rows.num_rows(); ++s)
    row.insert(row.end(), static_cast<size_t>(rows.length(s)), static_cast<int32_t>(s));
  return row;
}

Totals CountTotals(const Rows& rows) {
  Totals totals;
  for (int64_t g = 0; g < rows.num_groups(); ++g) {
    bool any = false;
    for (int64_t s = rows.group_begin[g]; s < rows.group_begin[g + 1]; ++s) {
      double tokens = 0;
      for (int64_t t = rows.begin[s]; t < rows.begin[s + 1]; ++t) tokens += rows.mask[t];
      totals.tokens += tokens;
      totals.sequences += tokens > 0;
      any = any || tokens > 0;
    }
    totals.groups += any;
  }
  return totals;
}

}  // namespace rlvr
