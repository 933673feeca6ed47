// Drafts for speculative decoding: what is likely to follow, by what followed the same last tokens
// before. A draft changes no sample: the sampler draws every token from the policy with the token's
// own random number, and a draft is kept only while it equals what was drawn.
//
// Because the random number of a token is known before its logits are, a draft is drawn with it: the
// tokens that have followed, with the probabilities that they had then, are walked in the order of
// their ids as the sampler walks the vocabulary. Where the policy has changed little, the same number
// falls on the same token, also where the policy is undecided.
#ifndef RLVR_ROLLOUT_DRAFT_H_
#define RLVR_ROLLOUT_DRAFT_H_
#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

namespace rlvr {

// Tokens before a draft that are compared, most first: prompt lookup with longer memory.
inline constexpr std::array<int, 5> kDraftOrders = {16, 8, 4, 3, 2};
inline constexpr int64_t kMostDraftContext = kDraftOrders[0];

// A stretch of tokens to learn from. The first `context` of them only come before others.
struct DraftText {
  std::vector<int32_t> tokens;
  std::vector<float> probs;  // [tokens] when sampled; 0: not sampled (prompts, replies)
  int64_t context = 0;
  void Append(int32_t token, float prob) {
    tokens.push_back(token);
    probs.push_back(prob);
  }
};

struct DraftToken {
  int32_t token = 0;
  int order = 0;      // index in kDraftOrders of the context that was known
  double mass = 0;    // probability of all that has followed it, at most 1
  double margin = 1;  // of the random number to the next token's share; 1: no other has followed
};

// From the last n tokens to what followed them, for the responses to one prompt.
class DraftTable {
 public:
  // Learns tokens [begin, end) of the text from those before them.
  void Learn(const DraftText& text, int64_t begin, int64_t end);
  // What may follow `tokens`, for a token that will be drawn with `uniform`; greedy: the likeliest.
  // False where none of the last n tokens is known.
  bool Draft(std::span<const int32_t> tokens, double uniform, bool greedy, DraftToken* draft) const;
  int64_t bytes() const { return static_cast<int64_t>(entries_.capacity() * sizeof(Entry)); }

 private:
  // Followers beyond these push the least likely one out.
  static constexpr int kFollowers = 3;
  struct Entry {       // 32 bytes; two contexts with one key cost an accepted draft, no more
    uint32_t key = 0;  // 0: free
    int32_t num = 0;
    int32_t token[kFollowers];  // rising
    float prob[kFollowers];
  };
  const Entry* Find(uint64_t hash) const;
  Entry& FindOrAdd(uint64_t hash);
  void Grow();

  std::vector<Entry> entries_;  // open addressing; a power of two
  size_t used_ = 0;
};

// Responses of earlier calls by prompt, within a bound of memory: prompts that were not asked for
// the longest go first. Not thread-safe.
class DraftStore {
 public:
  static constexpr size_t kMostTexts = 64;  // of one prompt; the oldest go first

  explicit DraftStore(int64_t max_bytes) : max_bytes_(max_bytes) {}
  DraftStore(const DraftStore&) = delete;
  DraftStore& operator=(const DraftStore&) = delete;
  static uint64_t KeyOf(std::span<const int32_t> prompt);

  void Add(uint64_t prompt, DraftText text);
  // Oldest first; null where there are none. Until the next Add.
  const std::deque<DraftText>* Find(uint64_t prompt);
  void set_max_bytes(int64_t max_bytes);
  int64_t bytes() const { return bytes_; }
  int64_t num_prompts() const { return static_cast<int64_t>(prompts_.size()); }

 private:
  struct Prompt {
    std::deque<DraftText> texts;
    std::list<uint64_t>::iterator age;
  };
  void Shrink();

  int64_t max_bytes_, bytes_ = 0;
  std::list<uint64_t> by_age_;  // asked for most recently first
  std::unordered_map<uint64_t, Prompt> prompts_;
};

}  // namespace rlvr
#endif  // RLVR_ROLLOUT_DRAFT_H_
