#include "rollout/drafting.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace rlvr {
namespace {

constexpr int64_t kLongestPause = 32;  // passes
// Of a draft that is looked at: this, or most of what its row costs.
constexpr double kLeastChance = 0.05, kShareOfCost = 0.8;
// Where a row costs this part of a token, drafts bring too little to be looked for.
constexpr double kTooDear = 0.8;

}  // namespace

Drafting::Drafting(const RolloutOptions& options, std::span<const int32_t> eos)
    : options_(options),
      eos_(eos),
      kept_(options.speculation.name == "none" ? nullptr : options.drafts) {}

void Drafting::AddRequest(const RolloutRequest* request) {
  groups_.emplace_back().request = request;
}

void Drafting::AddSamples(int64_t request, int64_t num_samples) {
  groups_[static_cast<size_t>(request)].samples += num_samples;
}

void Drafting::Close(int64_t request) {
  if (on()) Store(request);
}

Drafting::~Drafting() {
  for (size_t r = 0; r < groups_.size(); ++r) Store(static_cast<int64_t>(r));
}

// Only a guess of what is likely rests on it, so libm may do.
float Drafting::ProbOf(float logp, float sampler_logp) const {
  const bool truncated = options_.sampling.departs() && options_.sampling.temperature > 0;
  return std::exp(truncated ? sampler_logp : logp);
}

DraftText Drafting::TailOf(const Tree& tree, int32_t segment) const {
  DraftText text;
  const std::vector<int32_t> path = tree.Path(segment);
  int64_t missing = kMostDraftContext;
  for (size_t i = path.size(); i-- > 0 && missing > 0;) {
    const auto& tokens = tree.segments[static_cast<size_t>(path[i])].tokens;
    const int64_t n = std::min(missing, static_cast<int64_t>(tokens.size()));
    text.tokens.insert(text.tokens.begin(), tokens.end() - n, tokens.end());
    missing -= n;
  }
  text.context = static_cast<int64_t>(text.tokens.size());
  text.probs.assign(text.tokens.size(), 0.0f);
  return text;
}

DraftSource Drafting::Begin(int64_t request, int32_t parent) const {
  if (!on()) return {};
  DraftSource source{.request = request,
                     .text = TailOf(groups_[static_cast<size_t>(request)].request->tree, parent)};
  source.learned = source.text.context;
  return source;
}

void Drafting::Append(const Draw& draw, DraftSource* source) const {
  if (on()) source->text.Append(draw.token, ProbOf(draw.logp, draw.sampler_logp));
}

void Drafting::AppendReply(std::span<const int32_t> tokens, DraftSource* source) const {
  if (!on()) return;
  for (const int32_t token : tokens) source->text.Append(token, 0);
}

void Drafting::End(DraftSource source) {
  if (!on()) return;
  Group& group = groups_[static_cast<size_t>(source.request)];
  if (group.table) {
    group.table->Learn(source.text, source.learned,
                       static_cast<int64_t>(source.text.tokens.size()));
  }
  group.ended.push_back(std::move(source.text));
  if (--group.samples == 0) Store(source.request);
}

void Drafting::Store(int64_t request) {
  Group& group = groups_[static_cast<size_t>(request)];
  if (!group.ended.empty()) {
    const Tree& tree = groups_[static_cast<size_t>(request)].request->tree;
    const uint64_t key = DraftStore::KeyOf(tree.segments[0].tokens);
    for (DraftText& text : group.ended) kept_->store.Add(key, std::move(text));
  }
  group.ended.clear();
  group.table = nullptr;
}

DraftTable& Drafting::TableOf(int64_t request) {
  Group& group = groups_[static_cast<size_t>(request)];
  if (group.table) return *group.table;
  group.table = std::make_unique<DraftTable>();
  const auto learn = [&](const DraftText& text) {
    group.table->Learn(text, 0, static_cast<int64_t>(text.tokens.size()));
  };
  const Tree& tree = groups_[static_cast<size_t>(request)].request->tree;
  for (size_t s = 0; s < tree.segments.size(); ++s) {
    const Segment& segment = tree.segments[s];
    DraftText text;
    if (segment.parent >= 0) text = TailOf(tree, segment.parent);
    for (size_t t = 0; t < segment.tokens.size(); ++t) {
      const float logp = t < segment.logp.size() ? segment.logp[t] : 0;
      const float sampler = t < segment.sampler_logp.size() ? segment.sampler_logp[t] : logp;
      text.Append(segment.tokens[t], segment.logp.empty() ? 0 : ProbOf(logp, sampler));
    }
    learn(text);
  }
  if (const auto* earlier = kept_->store.Find(DraftStore::KeyOf(tree.segments[0].tokens))) {
    for (const DraftText& text : *earlier) learn(text);
  }
  for (const DraftText& text : group.ended) learn(text);
  return *group.table;
}

// Appends what may follow the seat's last token, one token after the other.
void Drafting::Propose(const DraftSeat& seat, double least_chance) {
  DraftSource& source = *seat.source;
  const auto length = static_cast<int64_t>(source.text.tokens.size());
  DraftTable& table = TableOf(source.request);
  table.Learn(source.text, source.learned, length);
  source.learned = length;
  context_.assign(source.text.tokens.end() - std::min(length, kMostDraftContext),
                  source.text.tokens.end());
  const bool greedy = options_.sampling.temperature == 0;
  const int64_t most = std::min<int64_t>(seat.most, options_.speculation.max_draft);
  double chance = 1;
  for (int64_t i = 0; i < most; ++i) {
    DraftToken draft;
    const double uniform = seat.key.Uniform(seat.offset + static_cast<uint64_t>(i));
    if (!table.Draft(context_, uniform, greedy, &draft)) break;
    // The row behind an end of sequence would be for nothing: the row before it draws the end.
    if (std::find(eos_.begin(), eos_.end(), draft.token) != eos_.end()) break;
    chance *= kept_->rates.Rate(draft);
    if (chance < least_chance) break;
    drafts_.push_back(draft);
    gains_.push_back({chance, begin_.size() - 1});
    context_.push_back(draft.token);
  }
}

void Drafting::Plan(std::span<const DraftSeat> seats) {
  drafts_.clear();
  begin_.clear();
  if (!on() || seats.empty()) return;
  const bool all = options_.speculation.name == "always";
  if (!all && skip_ > 0 && 4 * seats.size() > 3 * paused_seats_) {
    --skip_;
    return;
  }
  double least_chance = 0;
  if (!all) {
    const double cost = CostOfRow(static_cast<int64_t>(seats.size()), kept_->costs);
    if (cost > kTooDear) return Pause(seats.size());
    least_chance = std::max(kLeastChance, kShareOfCost * cost);
  }
  for (const DraftSeat& seat : seats) TableOf(seat.source->request);  // once, so no pass's cost
  const auto start = std::chrono::steady_clock::now();
  gains_.clear();
  for (const DraftSeat& seat : seats) {
    begin_.push_back(drafts_.size());
    Propose(seat, least_chance);
  }
  begin_.push_back(drafts_.size());
  if (all) return;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  const double each = kept_->costs.AtFirstSpeed(passed.count()) / static_cast<double>(seats.size());
  search_ += (search_ == 0 ? 1 : 0.2) * (each - search_);
  Choose(seats.size());
}

void Drafting::Pause(size_t num_seats) {
  skip_ = pause_;
  pause_ = std::min(2 * pause_, kLongestPause);
  paused_seats_ = num_seats;
}

// Keeps the drafts that are worth their time. A draft's chance is no larger than those of the drafts
// before it, so that those are kept with it.
void Drafting::Choose(size_t num_seats) {
  std::stable_sort(gains_.begin(), gains_.end(),
                   [](const Gain& a, const Gain& b) { return a.gain > b.gain; });
  sorted_.clear();
  for (const Gain& g : gains_) sorted_.push_back(g.gain);
  const int64_t n = NumDrafts(static_cast<int64_t>(num_seats), sorted_,
                              search_ * static_cast<double>(num_seats), kept_->costs);
  if (n > 0) {
    pause_ = 1;
  } else {
    Pause(num_seats);
  }
  std::vector<size_t> kept(num_seats, 0);
  for (int64_t i = 0; i < n; ++i) ++kept[gains_[static_cast<size_t>(i)].seat];
  size_t at = 0;
  for (size_t s = 0; s < num_seats; ++s) {
    const size_t from = begin_[s];
    begin_[s] = at;
    for (size_t i = 0; i < kept[s]; ++i) drafts_[at++] = drafts_[from + i];
  }
  begin_[num_seats] = at;
  drafts_.resize(at);
}

void Drafting::Observe(std::span<const DraftToken> drafts, std::span<const Draw> draws) {
  for (size_t i = 0; i < std::min(drafts.size(), draws.size()); ++i)
    kept_->rates.Add(drafts[i], drafts[i].token == draws[i].token);
}

void Drafting::ObservePass(int64_t rows, double seconds) {
  if (on()) kept_->costs.Add(rows, seconds);
}

}  // namespace rlvr
