#include "rollout/draft.h"

#include <algorithm>
#include <utility>

namespace rlvr {
namespace {

// Weight of what was not sampled, beside what was: it counts only where nothing else has followed.
constexpr float kUnsampledProb = 1e-3f;
// An entry of the store beside its tokens.
constexpr int64_t kTextOverhead = 96, kPromptOverhead = 160;

uint64_t Mix(uint64_t hash, uint64_t token) {
  hash = (hash ^ (token + 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 32);
}

// Odd numbers for the tokens by their distance, so that the sums of 2, 3, 4, 8 and 16 terms follow
// from each other.
constexpr auto kFactors = [] {
  std::array<uint64_t, kMostDraftContext> factors = {};
  uint64_t x = 0x9e3779b97f4a7c15u;
  for (uint64_t& f : factors) {
    x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u;
    f = x | 1;
  }
  return factors;
}();

// keys[i]: of the last kDraftOrders[i] tokens before `end`; 0 where there are fewer.
std::array<uint64_t, kDraftOrders.size()> Keys(const int32_t* tokens, int64_t end) {
  std::array<uint64_t, kDraftOrders.size()> keys = {};
  uint64_t sum = 0;
  int64_t n = 0;
  for (size_t order = kDraftOrders.size(); order-- > 0 && kDraftOrders[order] <= end;) {
    for (; n < kDraftOrders[order]; ++n)
      sum += (static_cast<uint64_t>(tokens[end - 1 - n]) + 1) * kFactors[static_cast<size_t>(n)];
    keys[order] = Mix(sum, static_cast<uint64_t>(n)) | 1;
  }
  return keys;
}

size_t Place(uint32_t key) { return (key * 0x9e3779b97f4a7c15u) >> 32; }

int64_t Bytes(const DraftText& text) {
  return kTextOverhead +
         static_cast<int64_t>(text.tokens.size() * (sizeof(int32_t) + sizeof(float)));
}

}  // namespace

const DraftTable::Entry* DraftTable::Find(uint64_t hash) const {
  const size_t mask = entries_.size() - 1;
  const auto key = static_cast<uint32_t>(hash);
  for (size_t i = Place(key) & mask;; i = (i + 1) & mask) {
    if (entries_[i].key == key) return &entries_[i];
    if (entries_[i].key == 0) return nullptr;
  }
}

DraftTable::Entry& DraftTable::FindOrAdd(uint64_t hash) {
  if (4 * (used_ + 1) > 3 * entries_.size()) Grow();
  const size_t mask = entries_.size() - 1;
  const auto key = static_cast<uint32_t>(hash);
  for (size_t i = Place(key) & mask;; i = (i + 1) & mask) {
    if (entries_[i].key == key) return entries_[i];
    if (entries_[i].key != 0) continue;
    ++used_;
    entries_[i].key = key;
    return entries_[i];
  }
}

// Large at once: to grow step by step takes longer than to fill a table.
void DraftTable::Grow() {
  constexpr size_t kLeast = 8192, kLarge = 65536;
  const size_t now = entries_.size();
  std::vector<Entry> old =
      std::exchange(entries_, std::vector<Entry>(std::max(kLeast, (now < kLarge ? 4 : 2) * now)));
  const size_t mask = entries_.size() - 1;
  for (const Entry& e : old) {
    if (e.key == 0) continue;
    size_t i = Place(e.key) & mask;
    while (entries_[i].key != 0) i = (i + 1) & mask;
    entries_[i] = e;
  }
}

void DraftTable::Learn(const DraftText& text, int64_t begin, int64_t end) {
  for (int64_t t = std::max(begin, text.context); t < end; ++t) {
    const int32_t token = text.tokens[static_cast<size_t>(t)];
    const float sampled = text.probs[static_cast<size_t>(t)];
    for (const uint64_t key : Keys(text.tokens.data(), t)) {
      if (key == 0) continue;
      Entry& e = FindOrAdd(key);
      int i = 0;
      while (i < e.num && e.token[i] < token) ++i;
      if (i < e.num && e.token[i] == token) {
        // The policy changes: what was seen last counts most.
        if (sampled > 0)
          e.prob[i] = e.prob[i] <= kUnsampledProb ? sampled : (e.prob[i] + sampled) / 2;
        continue;
      }
      if (e.num == kFollowers) {
        const auto least = static_cast<int>(std::min_element(e.prob, e.prob + e.num) - e.prob);
        std::copy(e.token + least + 1, e.token + e.num, e.token + least);
        std::copy(e.prob + least + 1, e.prob + e.num, e.prob + least);
        --e.num;
        if (least < i) --i;
      }
      std::copy_backward(e.token + i, e.token + e.num, e.token + e.num + 1);
      std::copy_backward(e.prob + i, e.prob + e.num, e.prob + e.num + 1);
      e.token[i] = token;
      e.prob[i] = std::max(sampled, kUnsampledProb);
      ++e.num;
    }
  }
}

bool DraftTable::Draft(std::span<const int32_t> tokens, double uniform, bool greedy,
                       DraftToken* draft) const {
  if (entries_.empty()) return false;
  const auto keys = Keys(tokens.data(), static_cast<int64_t>(tokens.size()));
  for (size_t order = 0; order < keys.size(); ++order) {
    const Entry* e = keys[order] == 0 ? nullptr : Find(keys[order]);
    if (e == nullptr) continue;
    double mass = 0;
    for (int i = 0; i < e->num; ++i) mass += e->prob[i];
    draft->order = static_cast<int>(order);
    draft->mass = std::min(mass, 1.0);
    if (greedy) {
      const auto best = std::max_element(e->prob, e->prob + e->num) - e->prob;
      draft->token = e->token[best];
      draft->margin = 1;
      return true;
    }
    double low = 0;
    int i = 0;
    for (; i + 1 < e->num && uniform * mass >= low + e->prob[i]; ++i) low += e->prob[i];
    draft->token = e->token[i];
    draft->margin = 1;
    if (i > 0) draft->margin = std::min(draft->margin, uniform - low / mass);
    if (i + 1 < e->num)
      draft->margin = std::min(draft->margin, (low + e->prob[i]) / mass - uniform);
    return true;
  }
  return false;
}

uint64_t DraftStore::KeyOf(std::span<const int32_t> prompt) {
  uint64_t hash = prompt.size();
  for (const int32_t token : prompt) hash = Mix(hash, static_cast<uint64_t>(token));
  return hash;
}

void DraftStore::Add(uint64_t prompt, DraftText text) {
  auto [at, added] = prompts_.try_emplace(prompt);
  Prompt& p = at->second;
  if (added) {
    by_age_.push_front(prompt);
    p.age = by_age_.begin();
    bytes_ += kPromptOverhead;
  } else {
    by_age_.splice(by_age_.begin(), by_age_, p.age);
  }
  bytes_ += Bytes(text);
  p.texts.push_back(std::move(text));
  if (p.texts.size() > kMostTexts) {
    bytes_ -= Bytes(p.texts.front());
    p.texts.pop_front();
  }
  Shrink();
}

const std::deque<DraftText>* DraftStore::Find(uint64_t prompt) {
  const auto at = prompts_.find(prompt);
  if (at == prompts_.end()) return nullptr;
  by_age_.splice(by_age_.begin(), by_age_, at->second.age);
  return &at->second.texts;
}

void DraftStore::set_max_bytes(int64_t max_bytes) {
  max_bytes_ = max_bytes;
  Shrink();
}

void DraftStore::Shrink() {
  while (bytes_ > max_bytes_ && !by_age_.empty()) {
    const auto oldest = prompts_.find(by_age_.back());
    for (const DraftText& text : oldest->second.texts) bytes_ -= Bytes(text);
    bytes_ -= kPromptOverhead;
    prompts_.erase(oldest);
    by_age_.pop_back();
  }
}

}  // namespace rlvr
