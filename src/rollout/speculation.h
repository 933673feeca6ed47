// When drafts pay. Every decoding pass may run, behind a sequence's last token, tokens that are
// likely to follow (rollout/draft.h). The more rows a pass has the longer it takes, and only drafts
// that are accepted are worth it; both are measured while sampling. The choice depends on the clock,
// the samples do not.
#ifndef RLVR_ROLLOUT_SPECULATION_H_
#define RLVR_ROLLOUT_SPECULATION_H_
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "rollout/draft.h"

namespace rlvr {

struct SpeculationOptions {
  std::string name = "auto";  // none; auto: where it pays; always: as many drafts as there are
  int max_draft = 8;          // tokens of one sequence in one pass
  int64_t memory_mb = 64;     // of earlier responses that are kept for drafts
};

// Seconds of a decoding pass by its rows. Only their ratios decide: what makes all passes slower for a
// while (longer contexts, other processes) is kept apart, so that it does not count against the rows
// that ran meanwhile. What was not measured for long is forgotten, so that it is tried again some day.
class PassCosts {
 public:
  void Add(int64_t rows, double seconds);
  // At the speed that was first measured; 0: unknown. Between two measured numbers of rows linear;
  // above the largest it rises as from the half of that to it, or, where that is unknown, not at all,
  // so that more rows are tried.
  double Seconds(int64_t rows) const;
  // What took `seconds` now, at that speed.
  double AtFirstSpeed(double seconds) const { return seconds / slowness_; }
  // Most rows that may be tried: twice the most that were measured.
  int64_t most_rows() const;

 private:
  struct Measured {
    double rows = 0, seconds = 0;  // running means
    int64_t count = 0, pass = 0;   // when last
  };
  bool Fresh(const Measured& m) const;

  int64_t pass_ = 0;
  double slowness_ = 1;               // of the last passes, beside what measured_ says
  std::map<int, Measured> measured_;  // about 8 to a doubling of rows
};

// How often drafts were accepted, where all before them in the pass were, by what is known of them.
class AcceptanceRates {
 public:
  double Rate(const DraftToken& draft) const;  // before any was seen, a guess from its mass
  void Add(const DraftToken& draft, bool accepted);

 private:
  static constexpr int kMassClasses = 5, kMarginClasses = 3;
  struct Counts {
    double tried = 0, accepted = 0;
  };
  static size_t ClassOf(const DraftToken& draft);
  std::array<Counts, kDraftOrders.size() * kMassClasses * kMarginClasses> counts_;
};

// A pass of `rows` sequences gives one token each; drafts give gains[i] more, the probabilities that
// they and all before them in their sequence are accepted, falling. To look for them takes `search`
// seconds at the speed of costs. Returns how many of the first to run: those that make the most tokens
// per second, or 0 unless that is kLeastGain faster than none.
inline constexpr double kLeastGain = 1.06;
int64_t NumDrafts(int64_t rows, std::span<const double> gains, double search,
                  const PassCosts& costs);
// What a row beside those of `rows` sequences costs, in tokens that the same time gives without drafts,
// where they have one draft each or three: a draft that is less likely to be accepted does not pay.
double CostOfRow(int64_t rows, const PassCosts& costs);

// What is kept from one call of Rollout to the next. It makes sampling faster and changes no sample,
// so it is in no checkpoint. Not thread-safe.
struct Speculation {
  DraftStore store{0};
  PassCosts costs;
  AcceptanceRates rates;
};

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_SPECULATION_H_
