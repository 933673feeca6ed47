// The drafts of one round of sampling: what its groups have sampled so far, in this round and before,
// and which of the tokens that may follow each sequence run with it in the next pass.
#ifndef RLVR_ROLLOUT_DRAFTING_H_
#define RLVR_ROLLOUT_DRAFTING_H_
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/random.h"
#include "rollout/rollout.h"
#include "rollout/scheduler.h"

namespace rlvr {

// What a sequence has sampled, and how much of it its group's table has learned.
struct DraftSource {
  int64_t request = 0;
  DraftText text;  // the end of its path, then its own tokens
  int64_t learned = 0;
};

// A decoding sequence that may have drafts behind its last token.
struct DraftSeat {
  DraftSource* source = nullptr;
  RandomKey key{0};     // of its sample
  uint64_t offset = 0;  // of the token to come
  int64_t most = 0;     // drafts that its limits allow
};

class Drafting {
 public:
  // Off where options.drafts is null. Both must outlive it.
  Drafting(const RolloutOptions& options, std::span<const int32_t> eos);
  // Hands what was sampled over to options.drafts; also where sampling was given up.
  ~Drafting();
  Drafting(const Drafting&) = delete;
  Drafting& operator=(const Drafting&) = delete;

  bool on() const { return kept_ != nullptr; }
  // Requests have numbers, from 0. The tree must live and not change while samples of it run.
  void AddRequest(const RolloutRequest* request);
  void AddSamples(int64_t request, int64_t num_samples);  // that are to come
  void Close(int64_t request);                            // none will come any more
  // Of a new sample below `parent`.
  DraftSource Begin(int64_t request, int32_t parent) const;
  void Append(const Draw& draw, DraftSource* source) const;
  void AppendReply(std::span<const int32_t> tokens, DraftSource* source) const;
  void End(DraftSource source);

  // Chooses the drafts of the next pass; DraftsOf(i) are then those of seats[i].
  void Plan(std::span<const DraftSeat> seats);
  std::span<const DraftToken> DraftsOf(size_t i) const {
    if (i + 1 >= begin_.size()) return {};
    return std::span(drafts_).subspan(begin_[i], begin_[i + 1] - begin_[i]);
  }
  // The tokens that were drawn in their place.
  void Observe(std::span<const DraftToken> drafts, std::span<const Draw> draws);
  // A pass of nothing but decoding.
  void ObservePass(int64_t rows, double seconds);

 private:
  struct Group {
    const RolloutRequest* request = nullptr;
    int64_t samples = 0;                // that have not ended
    std::unique_ptr<DraftTable> table;  // made when it is first needed
    std::vector<DraftText> ended;
  };
  float ProbOf(float logp, float sampler_logp) const;
  DraftText TailOf(const Tree& tree, int32_t segment) const;
  DraftTable& TableOf(int64_t request);
  void Store(int64_t request);
  void Propose(const DraftSeat& seat, double least_chance);
  void Choose(size_t num_seats);
  void Pause(size_t num_seats);

  const RolloutOptions& options_;
  std::span<const int32_t> eos_;
  Speculation* kept_ = nullptr;
  std::deque<Group> groups_;        // [requests]
  std::vector<DraftToken> drafts_;  // of all seats
  std::vector<size_t> begin_;       // [seats + 1]
  struct Gain {
    double gain = 0;
    size_t seat = 0;
  };
  std::vector<Gain> gains_;  // [drafts_]
  std::vector<double> sorted_;
  std::vector<int32_t> context_;
  // Where drafts do not pay they are looked for less and less often, until fewer sequences are left.
  int64_t skip_ = 0, pause_ = 1;
  double search_ = 0;  // seconds for one seat's drafts, a running mean
  size_t paused_seats_ = 0;
};

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_DRAFTING_H_
