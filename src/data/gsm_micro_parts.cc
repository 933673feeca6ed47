#include "data/gsm_micro_parts.h"

#include <fmt/format.h>

#include <algorithm>

namespace rlvr {
namespace {

int64_t Raw(int64_t left, char op, int64_t right) {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    default:
      return right == 0 ? 0 : left / right;
  }
}

}  // namespace

const std::vector<std::string>& GsmMicroNames() {
  static const std::vector<std::string> names = {"Tom",  "Ann",  "Ben",  "Mia", "Sam",  "Eva",
                                                 "Leo",  "Zoe",  "Max",  "Ida", "Jack", "Lily",
                                                 "Noah", "Ruth", "Omar", "Nina"};
  return names;
}

const std::vector<std::string>& GsmMicroItems() {
  static const std::vector<std::string> items = {"apples",  "pens",     "coins",   "books",
                                                 "cards",   "shells",   "stamps",  "eggs",
                                                 "marbles", "stickers", "cookies", "balls"};
  return items;
}

GsmMicroStep DrawGsmMicroStep(int64_t value, Random& random) {
  for (;;) {
    GsmMicroStep s{.left = value};
    const double kind = random.Uniform();
    if (kind < 0.36) {
      s.op = '+';
      s.right = random.Int(2, 20);
      s.result = value + s.right;
    } else if (kind < 0.72) {
      s.op = '-';
      s.right = random.Int(2, 20);
      s.result = value - s.right;
    } else if (kind < 0.88) {
      s.op = '*';
      s.right = random.Int(2, 4);
      s.result = value * s.right;
    } else {
      s.op = '/';
      s.right = random.Int(2, 4);
      if (value % s.right != 0) continue;
      s.result = value / s.right;
    }
    if (s.result >= 1 && s.result <= kMaxGsmMicroValue) return s;
  }
}

std::vector<GsmMicroStep> DrawGsmMicroChain(const GsmMicroOptions& options, Random& random) {
  std::vector<GsmMicroStep> steps;
  const int64_t num_steps = random.Int(options.min_steps, options.max_steps);
  int64_t value = random.Int(2, 30);
  for (int64_t i = 0; i < num_steps; ++i) {
    steps.push_back(DrawGsmMicroStep(value, random));
    value = steps.back().result;
  }
  return steps;
}

Split GsmMicroSplit(const std::vector<GsmMicroStep>& steps) {
  RandomKey key(0x67736d6d6963726full);
  for (const auto& s : steps) {
    key = key[static_cast<uint64_t>(s.left)][static_cast<uint64_t>(s.op)]
             [static_cast<uint64_t>(s.right)];
  }
  const uint64_t bucket = key.Bits(0) % 10;
  return bucket == 0 ? Split::kTest : bucket == 1 ? Split::kValidation : Split::kTrain;
}

std::string DrawOther(const std::vector<std::string>& choices, const std::string& than,
                      Random& random) {
  for (;;) {
    const std::string& choice = random.Choice(choices);
    if (choice != than) return choice;
  }
}

std::string SayGsmMicroDistractor(int64_t n, const std::string& owner, const std::string& other,
                                  const std::string& other_item, Random& random) {
  switch (random.Int(0, 2)) {
    case 0:
      return fmt::format("{} is {} years old.", owner, n);
    case 1:
      return fmt::format("{} has {} {}.", other, n, other_item);
    default:
      return fmt::format("The shop is {} miles away.", n);
  }
}

int64_t ApplyGsmMicro(int64_t left, char op, int64_t right) {
  return std::clamp<int64_t>(Raw(left, op, right), 0, kMaxGsmMicroValue);
}

int64_t GsmMicroSlip(int64_t value, Random& random) {
  static const std::vector<int64_t> kOffsets = {-10, -2, -1, 1, 2, 10};
  for (;;) {
    const int64_t wrong = value + random.Choice(kOffsets);
    if (wrong >= 0 && wrong <= kMaxGsmMicroValue) return wrong;
  }
}

}  // namespace rlvr
