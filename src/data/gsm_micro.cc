#include "data/gsm_micro.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "data/gsm_micro_parts.h"

namespace rlvr {
namespace {

struct Sentence {
  std::string text;
  bool new_owner = false;  // the quantity now belongs to `other`
};

// One way to say `op right` about what `owner` has.
Sentence Say(const GsmMicroStep& step, const std::string& owner, const std::string& other,
             const std::string& item, Random& random) {
  const int64_t n = step.right;
  const bool compare =
      random.Uniform() < 0.25;  // "Ann has 3 more apples than Tom": the owner changes
  const int64_t pick = random.Int(0, 2);
  switch (step.op) {
    case '+':
      if (compare) return {fmt::format("{} has {} more {} than {}.", other, n, item, owner), true};
      if (pick == 0) return {fmt::format("{} buys {} more.", owner, n)};
      if (pick == 1) return {fmt::format("{} gives {} {} {}.", other, owner, n, item)};
      return {fmt::format("Then {} finds {} more {}.", owner, n, item)};
    case '-':
      if (compare) return {fmt::format("{} has {} fewer {} than {}.", other, n, item, owner), true};
      if (pick == 0) return {fmt::format("{} loses {} of them.", owner, n)};
      if (pick == 1) return {fmt::format("{} gives {} {} to {}.", owner, n, item, other)};
      return {fmt::format("Then {} sells {}.", owner, n)};
    case '*':
      if (compare)
        return {fmt::format("{} has {} times as many {} as {}.", other, n, item, owner), true};
      if (n == 2 && pick == 0) return {fmt::format("Then {} doubles them.", owner)};
      if (n == 3 && pick == 0) return {fmt::format("Then {} triples them.", owner)};
      return {fmt::format("After a year {} has {} times as many.", owner, n)};
    default:
      if (n == 2 && pick != 0) return {fmt::format("{} keeps half of the {}.", owner, item)};
      return {fmt::format("{} puts them in {} equal boxes and keeps one box.", owner, n)};
  }
}

GsmMicroProblem Draw(const GsmMicroOptions& options, RandomKey key) {
  Random random(key);
  GsmMicroProblem p;
  p.steps = DrawGsmMicroChain(options, random);
  p.answer = p.steps.back().result;
  const auto num_steps = static_cast<int64_t>(p.steps.size());

  const std::string& item = random.Choice(GsmMicroItems());
  std::string owner = random.Choice(GsmMicroNames());
  const auto someone_else = [&] { return DrawOther(GsmMicroNames(), owner, random); };
  std::vector<std::string> sentences = {
      fmt::format("{} has {} {}.", owner, p.steps.front().left, item)};
  const bool distract = random.Uniform() < options.distractor_rate;
  const int64_t distract_after = distract ? random.Int(0, num_steps - 1) : -1;
  for (int64_t i = 0; i < num_steps; ++i) {
    if (i == distract_after) {
      const std::string other_item = DrawOther(GsmMicroItems(), item, random);
      p.distractor = random.Int(2, 20);
      sentences.push_back(
          SayGsmMicroDistractor(p.distractor, owner, someone_else(), other_item, random));
    }
    const std::string other = someone_else();
    const Sentence s = Say(p.steps[i], owner, other, item, random);
    sentences.push_back(s.text);
    if (s.new_owner) owner = other;
  }
  sentences.push_back(fmt::format("How many {} does {} have now?", item, owner));
  p.question = fmt::format("{}", fmt::join(sentences, " "));
  return p;
}

std::string Line(const GsmMicroStep& s) {
  return fmt::format("{}{}{}={}\n", s.left, s.op, s.right, s.result);
}

std::string AnswerLine(int64_t answer) { return fmt::format("Answer: {}", answer); }

// Works through `steps` from `value`; at step `slip_at` the result is wrong and is carried on.
std::string Work(int64_t value, const std::vector<GsmMicroStep>& steps, int64_t slip_at,
                 Random& random) {
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    GsmMicroStep s = steps[i];
    s.left = value;
    s.result = ApplyGsmMicro(value, s.op, s.right);
    if (static_cast<int64_t>(i) == slip_at) s.result = GsmMicroSlip(s.result, random);
    text += Line(s);
    value = s.result;
  }
  return text + AnswerLine(value);
}

}  // namespace

GsmMicroProblem MakeGsmMicro(const GsmMicroOptions& options, uint64_t seed, Split split,
                             int64_t index) {
  RLVR_CHECK(options.min_steps >= 1 && options.min_steps <= options.max_steps);
  const RandomKey key =
      StreamKey(seed, Stream::kData)[static_cast<uint64_t>(split)][static_cast<uint64_t>(index)];
  for (uint64_t attempt = 0;; ++attempt) {
    GsmMicroProblem p = Draw(options, key[attempt]);
    if (GsmMicroSplit(p.steps) == split) return p;
  }
}

std::string CarefulSolution(const GsmMicroProblem& problem) {
  std::string text;
  for (const auto& s : problem.steps) text += Line(s);
  return text + AnswerLine(problem.answer);
}

std::string GsmMicroRubric(const GsmMicroProblem& problem) {
  std::string items =
      fmt::format(R"({{"check":"numeric","value":{},"kind":"factual"}})", problem.answer);
  for (const auto& s : problem.steps) {
    std::string line = Line(s);
    line.pop_back();
    items +=
        fmt::format(R"(,{{"check":"regex","value":"^\\Q{}\\E$","weight":{},"kind":"process"}})",
                    line, 1.0 / static_cast<double>(problem.steps.size()));
  }
  return "[" + items + "]";
}

std::string SloppySolution(const GsmMicroProblem& problem, Random& random) {
  const auto& steps = problem.steps;
  const auto last = static_cast<int64_t>(steps.size()) - 1;
  const double habit = random.Uniform();
  if (habit < 0.35) {  // guesses at once
    return AnswerLine(random.Uniform() < 0.15 ? problem.answer
                                              : GsmMicroSlip(problem.answer, random));
  }
  if (habit < 0.55 && last > 0) {  // jumps to the last step from a guess
    GsmMicroStep s = steps[last];
    s.left = random.Uniform() < 0.15 ? s.left : GsmMicroSlip(s.left, random);
    s.result = ApplyGsmMicro(s.left, s.op, s.right);
    return Line(s) + AnswerLine(s.result);
  }
  if (habit < 0.70 && last > 0) {  // forgets a step
    auto fewer = steps;
    fewer.erase(fewer.begin() + random.Int(0, last));
    return Work(steps[0].left, fewer, -1, random);
  }
  if (habit < 0.85 && problem.distractor >= 0) {  // works the distractor in
    auto more = steps;
    more.insert(
        more.begin() + random.Int(0, last),
        GsmMicroStep{.right = problem.distractor, .op = random.Uniform() < 0.5 ? '+' : '-'});
    return Work(steps[0].left, more, -1, random);
  }
  return Work(steps[0].left, steps, random.Int(0, last), random);  // slips once
}

}  // namespace rlvr
