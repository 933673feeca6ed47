#include "tree/tree.h"

#include <algorithm>

#include "base/error.h"
#include "base/suggest.h"

namespace rlvr {

const char* ToString(Author author) {
  switch (author) {
    case Author::kPrompt:
      return "prompt";
    case Author::kPolicy:
      return "policy";
    case Author::kEnvironment:
      return "environment";
    case Author::kExpert:
      return "expert";
    case Author::kReplay:
      return "replay";
  }
  return "?";
}

const char* ToString(Finish finish) {
  switch (finish) {
    case Finish::kStop:
      return "stop";
    case Finish::kLength:
      return "length";
    case Finish::kAborted:
      return "aborted";
  }
  return "?";
}

const char* ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kRight:
      return "right";
    case Verdict::kWrong:
      return "wrong";
    case Verdict::kTimedOut:
      return "timed_out";
    case Verdict::kBroken:
      return "broken";
  }
  return "?";
}

const char* ToString(Illocution illocution) {
  switch (illocution) {
    case Illocution::kUnknown:
      return "unknown";
    case Illocution::kSpecified:
      return "specified";
    case Illocution::kUnderspecified:
      return "underspecified";
  }
  return "?";
}

const char* ToString(TurnStrategy strategy) {
  switch (strategy) {
    case TurnStrategy::kUnknown:
      return "unknown";
    case TurnStrategy::kAnswerAttempt:
      return "answer_attempt";
    case TurnStrategy::kClarification:
      return "clarification";
    case TurnStrategy::kInterrogation:
      return "interrogation";
    case TurnStrategy::kDiscussion:
      return "discussion";
    case TurnStrategy::kHedge:
      return "hedge";
    case TurnStrategy::kRefuse:
      return "refuse";
    case TurnStrategy::kMissing:
      return "missing";
  }
  return "?";
}

TurnStrategy ParseTurnStrategy(const std::string& name) {
  std::vector<std::string> known;
  for (int i = 1; i < kNumTurnStrategies; ++i) {
    const auto strategy = static_cast<TurnStrategy>(i);
    if (name == ToString(strategy)) return strategy;
    known.emplace_back(ToString(strategy));
  }
  throw Error(name, "no strategy of a turn", DidYouMean(name, known));
}

std::vector<int32_t> Tree::Path(int32_t segment) const {
  std::vector<int32_t> path;
  for (; segment >= 0; segment = segments[segment].parent) path.push_back(segment);
  std::reverse(path.begin(), path.end());
  return path;
}

int64_t Tree::PathLength(int32_t segment) const {
  int64_t n = 0;
  for (; segment >= 0; segment = segments[segment].parent)
    n += static_cast<int64_t>(segments[segment].tokens.size());
  return n;
}

int64_t Tree::StartPosition(int32_t segment) const {
  return PathLength(segment) - static_cast<int64_t>(segments[segment].tokens.size());
}

std::vector<int32_t> Tree::ResponseTokens(const Leaf& leaf) const {
  std::vector<int32_t> tokens;
  for (int32_t s : Path(leaf.segment)) {
    if (!kTrained.Contains(segments[s].author)) continue;
    tokens.insert(tokens.end(), segments[s].tokens.begin(), segments[s].tokens.end());
  }
  return tokens;
}

int64_t Tree::NumTokens() const {
  int64_t n = 0;
  for (const auto& s : segments) n += static_cast<int64_t>(s.tokens.size());
  return n;
}

}  // namespace rlvr
