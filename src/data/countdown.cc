#include "data/countdown.h"

#include <fmt/format.h>

#include <algorithm>

namespace rlvr {
namespace {

struct Partial {
  int64_t value;
  std::string text;
  bool sum;  // its last operation was + or -: needs brackets inside a product
};

// Combines two of the partial results at random until one is left.
CountdownProblem Draw(const CountdownOptions& options, RandomKey key) {
  for (uint64_t attempt = 0;; ++attempt) {
    Random random(key[attempt]);
    CountdownProblem p;
    const int64_t n = random.Int(options.min_numbers, options.max_numbers);
    for (int64_t i = 0; i < n; ++i) p.numbers.push_back(random.Int(1, options.max_number));
    std::vector<Partial> parts;
    for (const int64_t x : p.numbers) parts.push_back({x, std::to_string(x), false});
    bool ok = true;
    while (ok && parts.size() > 1) {
      random.Shuffle(parts);
      const Partial b = parts.back();
      parts.pop_back();
      Partial& a = parts.back();
      const auto bracket = [](const Partial& x) { return x.sum ? "(" + x.text + ")" : x.text; };
      switch (random.Int(0, 3)) {
        case 0:
          a = {a.value + b.value, a.text + "+" + b.text, true};
          break;
        case 1:
          a = {a.value - b.value, a.text + "-" + bracket(b), true};
          break;
        case 2:
          a = {a.value * b.value, bracket(a) + "*" + bracket(b), false};
          break;
        default:
          ok = b.value != 0 && a.value % b.value == 0;
          if (ok) a = {a.value / b.value, bracket(a) + "/(" + b.text + ")", false};
      }
      ok = ok && a.value >= 1 && a.value <= 1000;
    }
    if (!ok || parts[0].value > options.max_target) continue;
    p.target = parts[0].value;
    p.solution = parts[0].text;
    return p;
  }
}

// The numbers in any order and the target decide the split.
Split SplitOf(const CountdownProblem& p) {
  auto numbers = p.numbers;
  std::sort(numbers.begin(), numbers.end());
  RandomKey key(0x636f756e74646f77ull);
  for (const int64_t n : numbers) key = key[static_cast<uint64_t>(n)];
  const uint64_t bucket = key[static_cast<uint64_t>(p.target)].Bits(0) % 10;
  return bucket == 0 ? Split::kTest : bucket == 1 ? Split::kValidation : Split::kTrain;
}

}  // namespace

CountdownProblem MakeCountdown(const CountdownOptions& options, uint64_t seed, Split split,
                               int64_t index) {
  const RandomKey key = StreamKey(
      seed, Stream::kData)[100 + static_cast<uint64_t>(split)][static_cast<uint64_t>(index)];
  for (uint64_t attempt = 0;; ++attempt) {
    CountdownProblem p = Draw(options, key[attempt]);
    if (SplitOf(p) == split) return p;
  }
}

std::string CountdownQuestion(const CountdownProblem& p) {
  return fmt::format(
      "Make {} from the numbers {}. Use each number at most once, with + - * / and brackets. "
      "End with \"Answer: \" and the expression.",
      p.target, fmt::join(p.numbers, ", "));
}

}  // namespace rlvr
