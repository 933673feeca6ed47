#include "train/batch_fill.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace rlvr {
namespace {

constexpr double kGuessWeight = 16;  // groups that the first guess counts for

// P(X < k) for X of n trials with probability p each.
double BinomialBelow(int64_t n, double p, int64_t k) {
  if (k > n) return 1;
  if (k <= 0 || p >= 1) return 0;
  if (p <= 0) return 1;
  const auto trials = static_cast<double>(n);
  double sum = 0;
  for (int64_t i = 0; i < k; ++i) {
    const auto x = static_cast<double>(i);
    sum += std::exp(std::lgamma(trials + 1) - std::lgamma(x + 1) - std::lgamma(trials - x + 1) +
                    x * std::log(p) + (trials - x) * std::log1p(-p));
  }
  return std::min(sum, 1.0);
}

}  // namespace

BatchFill::BatchFill(int64_t wanted, int64_t most, double share)
    : wanted_(wanted), most_(most), share_(share), end_(most) {}

double BatchFill::Chance() const {
  if (size() >= end_) return 0;
  const double share = (static_cast<double>(num_kept_) + kGuessWeight * share_) /
                       (static_cast<double>(num_decided_) + kGuessWeight);
  return BinomialBelow(size() - num_decided_, share, wanted_ - num_kept_);
}

bool BatchFill::Wants(double least_chance) const {
  const double chance = Chance();
  return chance > 0 && chance >= least_chance;
}

int64_t BatchFill::Add() {
  RLVR_CHECK(size() < most_) << most_;
  states_.push_back(State::kUndecided);
  return size() - 1;
}

void BatchFill::Decide(int64_t group, bool kept) {
  RLVR_CHECK(group >= 0 && group < size()) << group << " " << size();
  State& state = states_[static_cast<size_t>(group)];
  RLVR_CHECK(state == State::kUndecided) << group;
  state = kept ? State::kKept : State::kDropped;
  ++num_decided_;
  num_kept_ += kept ? 1 : 0;
  while (first_undecided_ < size() &&
         states_[static_cast<size_t>(first_undecided_)] != State::kUndecided)
    ++first_undecided_;
  if (!kept || num_kept_ < wanted_) return;
  int64_t needed = wanted_;
  for (end_ = 0; needed > 0; ++end_) needed -= states_[static_cast<size_t>(end_)] == State::kKept;
}

}  // namespace rlvr
