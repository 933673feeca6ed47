// A round of sampling and its state. scheduler.cc: who is sampled when, and what becomes of what has
// ended; scheduler_feed.cc: groups that come and go meanwhile; scheduler_pass.cc: one pass through the
// model; scheduler_draw.cc: from its rows to tokens.
#ifndef RLVR_ROLLOUT_SCHEDULER_STATE_H_
#define RLVR_ROLLOUT_SCHEDULER_STATE_H_
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rollout/drafting.h"
#include "rollout/feed.h"
#include "rollout/reply.h"
#include "rollout/scheduler.h"

namespace rlvr {

// One trajectory: new segments below the parent of its expansion, one after the other.
struct Active {
  int64_t expansion = 0;
  int64_t grown = 0;              // index in the result
  int32_t kv = -1;                // in the cache: all its segments
  int32_t last_token = 0;         // sampled, not yet run through the model
  std::string tail;               // decoded bytes, for stop strings
  std::vector<Segment> segments;  // the last of them grows; the tree gets them at the end
  int64_t length = 0;             // tokens of the others
  std::unique_ptr<Conversation> other;
  int turn = 0;
  DraftSource source;
};

// An expansion on its way.
struct Growing : Expansion {
  int64_t before = 0;       // tokens of its path
  int32_t kv = -1;          // of its path, while samples need it
  int64_t left = 0;         // samples that have not ended
  int64_t first_grown = 0;  // index in the result, once it is open
  bool cancelled = false;
};

class Scheduler {
 public:
  // feed: where work comes from while others run, or null. All must outlive it.
  Scheduler(const Model& model, const Tokenizer& tokenizer, const RolloutOptions& options,
            RolloutStats* stats, const std::function<void()>& on_end, GroupFeed* feed = nullptr);
  // Expansions name their request by its number, in the order of AddRequest. It must not move.
  void AddRequest(RolloutRequest* request);
  void AddExpansion(const Expansion& expansion);
  // All that was added, and what the feed has, to their ends. The trees grow; without a feed the
  // result is of the expansions in their order.
  std::vector<Grown> Run();

 private:
  static constexpr int64_t kOpenRow = -1;  // open_hidden_ instead of a row of this pass

  // The rows that one sequence draws tokens from in this pass: of its last token and of the drafts
  // behind it.
  struct Reading {
    int64_t row = 0, num_rows = 1;  // in predicting_
    int64_t first_draw = 0;         // in draws_, num_rows of them
    int64_t num_drawn = 0;          // up to the first one that is not the draft
  };
  struct Trajectory {
    size_t expansion = 0;
    std::vector<Segment> segments;
  };

  Tree& TreeOf(const Expansion& e) const { return requests_[static_cast<size_t>(e.request)]->tree; }
  const Growing& ExpansionOf(const Active& a) const {
    return expansions_[static_cast<size_t>(a.expansion)];
  }
  const RolloutRequest& RequestOf(const Active& a) const {
    return *requests_[static_cast<size_t>(ExpansionOf(a).request)];
  }
  bool MayAdmit() const { return next_ < expansions_.size() || open_ >= 0; }
  int64_t Room() const;
  int64_t PathLength(const Active& a) const;
  int64_t MostTokens(const Active& a) const;
  uint64_t Offset(const Active& a) const;  // in the response, of the token to come
  void AddToTree(size_t i);
  void EndTrajectory(Active a);
  void EndTurn(Active a);
  void Continue(Active a, NextTurn next);
  void TakeReplies(bool wait);

  void AskFeed();
  void HandOver(size_t group);
  void Cancel(size_t group);
  void Drop(Active* a);
  void SkipCancelled();

  void Step();
  void PlanDrafts();
  void AddRun(int32_t kv, int64_t num_tokens);
  void AddDecoding();
  void GoOn(Active a);
  void AddPath();
  void AdmitSamples();
  std::string ResponseTail(const Tree& tree, int32_t parent) const;

  void DrawTokens(View<const float> hidden);
  void DrawRows(size_t i, int64_t begin, int64_t end, View<const float> logits);
  void TakeTokens();
  bool Take(const Draw& draw, Active* a);
  bool EndsWithStop(int32_t token, Active* a);

  const Model& model_;
  const Tokenizer& tokenizer_;
  const RolloutOptions& options_;
  RolloutStats* stats_;
  const std::function<void()>& on_end_;
  GroupFeed* feed_;
  std::deque<RolloutRequest> fed_;  // of the feed's groups, by their numbers
  std::vector<RolloutRequest*> requests_;
  std::deque<Growing> expansions_;
  std::vector<Grown> grown_;
  std::vector<Trajectory> ended_;  // [grown_]
  KvCache cache_;
  Workspace workspace_;
  TokenBatch batch_;
  AlignedBuffer<float> hidden_, rows_, logits_;
  std::vector<Draw> draws_;
  std::vector<Active> active_;
  std::vector<int64_t> run_rows_, first_row_;  // [active_] of the decoding ones, in the batch
  std::vector<size_t> run_order_;
  std::vector<int64_t> predicting_;  // [R] rows of hidden_ (or kOpenRow) that predict a token
  std::vector<Reading> readings_;    // [active_], rising in row
  Drafting drafting_;
  std::vector<DraftSeat> seats_;      // [active_] of the decoding ones
  size_t next_ = 0;                   // first expansion whose path has not been run
  int64_t open_ = -1;                 // expansion with samples that wait for a slot
  int32_t open_sample_ = 0;           // the first of them
  int64_t to_admit_ = 0;              // samples that wait for a slot, of all expansions
  AlignedBuffer<float> open_hidden_;  // [D] last hidden row of its path
  size_t longest_stop_ = 0;
  std::map<int64_t, Active> waiting_;  // for a reply; by their `grown`
  std::deque<Active> ready_;           // with a reply that has not been run
  ReplyThreads replies_;               // the last: they speak to those that wait
};

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_SCHEDULER_STATE_H_
