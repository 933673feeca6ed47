// Hostile and half-broken answers for tests and benchmarks/answer_fuzz: rows of a table with bytes
// changed, cut and joined, and random sentences of a LaTeX grammar.
#ifndef RLVR_VERIFY_MATH_ANSWER_FUZZ_H_
#define RLVR_VERIFY_MATH_ANSWER_FUZZ_H_
#include <random>
#include <string>
#include <vector>

namespace rlvr::math {

class AnswerFuzzer {
 public:
  AnswerFuzzer(std::vector<std::string> seeds, uint64_t seed)
      : seeds_(std::move(seeds)), random_(seed) {}

  std::string Next() {
    std::string s;
    switch (Below(4)) {
      case 0:
        s = Seed();
        break;
      case 1:
        s = "\\boxed{" + Formula(0) + "}";
        break;
      case 2:
        s = "The answer is $" + Formula(0) + "$.";
        break;
      default:
        s = Repeated();
    }
    for (size_t changes = Below(6); changes > 0; --changes) Mutate(&s);
    return s;
  }

 private:
  size_t Below(size_t n) { return static_cast<size_t>(random_() % n); }
  template <size_t N>
  std::string Pick(const char* const (&list)[N]) {
    return list[Below(N)];
  }
  std::string Seed() { return seeds_.empty() ? Formula(0) : seeds_[Below(seeds_.size())]; }

  std::string Atom() {
    static constexpr const char* kAtoms[] = {"x",
                                             "y",
                                             "a",
                                             "e",
                                             "i",
                                             "\\pi",
                                             "\\infty",
                                             "0",
                                             "1",
                                             "2",
                                             "3",
                                             "17",
                                             "0.5",
                                             "1000000",
                                             "9999999999999999999",
                                             "1e300",
                                             "\\theta",
                                             "x_1",
                                             "x_{n+1}",
                                             "\\text{cm}",
                                             "\\%",
                                             "10^{10^{10}}",
                                             "\\sqrt{2}",
                                             "\\frac12",
                                             "100!"};
    return Pick(kAtoms);
  }

  std::string Formula(int depth) {
    if (depth > 6) return Atom();
    const auto f = [&] { return Formula(depth + 1 + static_cast<int>(Below(3))); };
    switch (Below(24)) {
      case 0:
        return "\\frac{" + f() + "}{" + f() + "}";
      case 1:
        return "\\sqrt{" + f() + "}";
      case 2:
        return "\\sqrt[" + f() + "]{" + f() + "}";
      case 3:
        return f() + "^{" + f() + "}";
      case 4:
        return f() + "+" + f();
      case 5:
        return f() + "-" + f();
      case 6:
        return f() + "\\cdot " + f();
      case 7:
        return f() + f();
      case 8:
        return "(" + f() + "," + f() + ")";
      case 9:
        return "[" + f() + "," + f() + ")\\cup(" + f() + ",\\infty)";
      case 10:
        return "\\{" + f() + "," + f() + "," + f() + "\\}";
      case 11:
        return "\\begin{pmatrix}" + f() + "&" + f() + "\\\\" + f() + "&" + f() + "\\end{pmatrix}";
      case 12:
        return f() + "=" + f();
      case 13:
        return f() + "\\le " + f() + "<" + f();
      case 14:
        return "\\left|" + f() + "\\right|";
      case 15: {
        static constexpr const char* kFunctions[] = {"\\sin", "\\cos",    "\\tan",   "\\log",
                                                     "\\ln",  "\\arctan", "\\log_2", "f"};
        return Pick(kFunctions) + "(" + f() + ")";
      }
      case 16:
        return f() + "!";
      case 17:
        return "\\binom{" + f() + "}{" + f() + "}";
      case 18:
        return f() + "\\pm " + f();
      case 19:
        return "\\sum_{k=1}^{" + f() + "} k" + f();
      case 20:
        return "(" + f() + ")^{" + f() + "}";
      case 21:
        return f() + "/" + f();
      default:
        return Atom();
    }
  }

  // One piece many times: deep brackets, long numbers, long sums.
  std::string Repeated() {
    static constexpr const char* kPieces[] = {
        "(",          "{",          "[",       "\\{",
        "$",          "\\(",        "\\[",     "\\frac{",
        "\\frac{1}{", "\\sqrt{",    "^{",      "x^",
        "9",          "1,",         "1+",      "1/",
        "-",          "!",          "%",       "|",
        "\\left(",    "\\boxed{",   "answer ", "final answer is ",
        " 1 1",       "x=",         "1=",      "a<",
        "\\pm ",      "\\cup(1,2)", "#### ",   "\\begin{pmatrix}",
        "\\\\",       "&",          "e^",      "(x+1)(y+1)(z+1)",
        "10^{",       "\\log ",     "é",       "\xff"};
    const std::string piece = Pick(kPieces);
    std::string s = Below(2) ? "The answer is $" : "\\boxed{";
    const size_t times = size_t{1} << Below(12);
    for (size_t i = 0; i < times; ++i) s += piece;
    s += Atom();
    if (Below(2)) s += Below(2) ? "$" : "}";
    if (Below(4) == 0) s += s;
    return s;
  }

  void Mutate(std::string* s) {
    if (s->empty()) {
      *s = Atom();
      return;
    }
    const size_t at = Below(s->size());
    switch (Below(6)) {
      case 0:
        (*s)[at] = static_cast<char>(Below(256));
        break;
      case 1:
        s->erase(at, 1 + Below(8));
        break;
      case 2:
        s->insert(at, Atom());
        break;
      case 3:
        s->insert(at, s->substr(Below(s->size()), Below(40)));
        break;
      case 4: {
        static constexpr const char* kSigns[] = {"{", "}", "(", ")", "$", "\\", "^",
                                                 "_", "=", ",", "&", "|", "%",  "."};
        s->insert(at, Pick(kSigns));
        break;
      }
      default:
        *s = s->substr(0, at) + Seed().substr(0, 200);
        break;
    }
    if (s->size() > 100000) s->resize(100000);
  }

  std::vector<std::string> seeds_;
  std::mt19937_64 random_;
};

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_ANSWER_FUZZ_H_
