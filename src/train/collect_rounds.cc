// A batch in rounds: prompts are dealt out to the ranks, sampled to their ends and judged; then those
// that are still missing, as far as can be guessed.
#include <algorithm>

#include "parallel/deal.h"
#include "train/collect.h"
#include "train/stopwatch.h"
#include "train/term_bytes.h"

namespace rlvr {
namespace {

// A round is not begun for little: more is sampled ahead than where groups come and go.
constexpr double kLeastChanceOfRound = 0.05;

int64_t SampledTokens(const Tree& tree) {
  int64_t n = 0;
  for (const Segment& s : tree.segments)
    n += s.author == Author::kPolicy ? static_cast<int64_t>(s.tokens.size()) : 0;
  return n;
}

}  // namespace

void Collector::CollectInRounds(int64_t step, const RunState& state, BatchFill* fill,
                                StepTally* tally, StepBatch* batch) {
  int64_t position = batch->position;
  while (!fill->over()) {
    Stopwatch watch;
    Round round;
    std::vector<Drawn> drawn;
    const int64_t first = fill->size();
    while (fill->size() - first < PromptsPerRound() &&
           fill->Wants(std::min(least_chance, kLeastChanceOfRound))) {
      fill->Add();
      Drawn& d = drawn.emplace_back();
      d.draw = curriculum_.Next(&position);
      d.position = position;
      AddRequest(step, d.draw, &round);
    }
    JudgedRound judged = SampleOnRanks(step, state, round);
    batch->rollout.sampled_tokens += judged.rollout.sampled_tokens;
    batch->rollout.prompt_tokens += judged.rollout.prompt_tokens;
    batch->rollout.decoded_sequences += judged.rollout.decoded_sequences;
    batch->rollout.draft_tokens += judged.rollout.draft_tokens;
    batch->rollout.accepted_tokens += judged.rollout.accepted_tokens;
    batch->seconds_rollout += judged.seconds_rollout;
    for (size_t i = 0; i < drawn.size(); ++i) {
      JudgedGroup& group = judged.groups[i];
      if (fill->full()) {
        ++batch->groups_in_vain;
        batch->tokens_in_vain += SampledTokens(group.tree);
        continue;
      }
      drawn[i].prompt = std::move(round.prompts[i]);
      const bool kept = Take(step, std::move(drawn[i]), std::move(group), tally, batch);
      fill->Decide(first + static_cast<int64_t>(i), kept);
    }
    const double seconds = watch.Lap() - judged.seconds_rollout;
    batch->seconds_reward += seconds;
    batch->seconds_judge += seconds;
  }
}

// As SampleRound, each rank its share: what one rank judged all take, since a verdict may depend on
// the clock.
Collector::JudgedRound Collector::SampleOnRanks(int64_t step, const RunState& state,
                                                const Round& round) {
  if (ranks_->alone()) return SampleRound(step, state, round);
  JudgedRound all;
  const auto share = [&](const std::vector<int64_t>& items, std::string* rest) {
    Round own;
    for (const int64_t i : items) {
      own.prompts.push_back(round.prompts[static_cast<size_t>(i)]);
      own.requests.push_back(round.requests[static_cast<size_t>(i)]);
    }
    const JudgedRound judged = SampleRound(step, state, std::move(own));
    all.seconds_rollout = judged.seconds_rollout;
    const RolloutStats& r = judged.rollout;
    ByteWriter counts;
    for (const int64_t n : {r.sampled_tokens, r.prompt_tokens, r.decoded_sequences, r.draft_tokens,
                            r.accepted_tokens})
      counts.Put(n);
    *rest = counts.Take();
    std::vector<std::string> bytes;
    for (const JudgedGroup& group : judged.groups) {
      ByteWriter out;
      PutJudgedTree(group, &out);
      PutTerms(group.terms, &out);
      out.Put<int64_t>(group.truncated ? 1 : 0);
      for (const int64_t n :
           {group.strategies.asked, group.strategies.faulty, group.strategies.failed})
        out.Put(n);
      out.Put(group.strategies.first_failure);
      bytes.push_back(out.Take());
    }
    return bytes;
  };
  const DealtResults dealt = ShareDealt(*ranks_, static_cast<int64_t>(round.prompts.size()), share);
  for (const std::string& bytes : dealt.items) {
    ByteReader in(bytes);
    JudgedGroup& group = all.groups.emplace_back();
    static_cast<JudgedTree&>(group) = GetJudgedTree(&in);
    group.terms = GetTerms(&in);
    group.truncated = in.Get<int64_t>() != 0;
    for (int64_t* n : {&group.strategies.asked, &group.strategies.faulty, &group.strategies.failed})
      *n = in.Get<int64_t>();
    group.strategies.first_failure = in.Get<std::string>();
  }
  for (const std::string& bytes : dealt.of_rank) {
    ByteReader counts(bytes);
    RolloutStats& r = all.rollout;
    for (int64_t* n : {&r.sampled_tokens, &r.prompt_tokens, &r.decoded_sequences, &r.draft_tokens,
                       &r.accepted_tokens})
      *n += counts.Get<int64_t>();
  }
  return all;
}

}  // namespace rlvr
