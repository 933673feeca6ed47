// Arithmetic in exact fractions: integers, + - * /, brackets, unary minus.
#include <cctype>
#include <numeric>

#include "verify/verify.h"

namespace rlvr {
namespace {

constexpr int kMaxDepth = 64;  // brackets and signs
constexpr size_t kMaxLength = 4096;

struct Fraction {
  int64_t n = 0, d = 1;
};

// nullopt on overflow or division by zero.
std::optional<Fraction> Reduced(__int128 n, __int128 d) {
  if (d == 0) return std::nullopt;
  if (d < 0) n = -n, d = -d;
  __int128 a = n < 0 ? -n : n, b = d;
  while (b != 0) {
    const __int128 r = a % b;
    a = b;
    b = r;
  }
  if (a > 1) n /= a, d /= a;
  if (n > INT64_MAX || n < -INT64_MAX || d > INT64_MAX) return std::nullopt;
  return Fraction{static_cast<int64_t>(n), static_cast<int64_t>(d)};
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}
  std::optional<ExpressionValue> Run() {
    if (text_.size() > kMaxLength) return std::nullopt;
    const auto value = Sum(0);
    Skip();
    if (!value || at_ != text_.size()) return std::nullopt;
    return ExpressionValue{value->n, value->d, std::move(numbers_)};
  }

 private:
  void Skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  // One of `which` (as bytes), or 0. Multiplication and division signs of plain text count too.
  char Accept(const char* which) {
    Skip();
    if (at_ >= text_.size()) return 0;
    for (const auto& [sign, op] : {std::pair<std::string_view, char>{"\xc3\x97", '*'},
                                   {"\xc3\xb7", '/'},
                                   {"\xe2\x88\x92", '-'}}) {
      if (text_.substr(at_).starts_with(sign) &&
          std::string_view(which).find(op) != std::string_view::npos) {
        at_ += sign.size();
        return op;
      }
    }
    if (std::string_view(which).find(text_[at_]) == std::string_view::npos) return 0;
    return text_[at_++];
  }
  std::optional<Fraction> Sum(int depth) {
    auto a = Product(depth);
    while (a) {
      const char op = Accept("+-");
      if (!op) return a;
      const auto b = Product(depth);
      if (!b) return std::nullopt;
      const __int128 cross = static_cast<__int128>(b->n) * a->d;
      a = Reduced(static_cast<__int128>(a->n) * b->d + (op == '+' ? cross : -cross),
                  static_cast<__int128>(a->d) * b->d);
    }
    return a;
  }
  std::optional<Fraction> Product(int depth) {
    auto a = Factor(depth);
    while (a) {
      const char op = Accept("*/");
      if (!op) return a;
      const auto b = Factor(depth);
      if (!b) return std::nullopt;
      a = op == '*'
              ? Reduced(static_cast<__int128>(a->n) * b->n, static_cast<__int128>(a->d) * b->d)
              : Reduced(static_cast<__int128>(a->n) * b->d, static_cast<__int128>(a->d) * b->n);
    }
    return a;
  }
  std::optional<Fraction> Factor(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    if (Accept("-")) {
      auto a = Factor(depth + 1);
      if (a) a->n = -a->n;
      return a;
    }
    if (Accept("(")) {
      const auto a = Sum(depth + 1);
      if (!a || !Accept(")")) return std::nullopt;
      return a;
    }
    Skip();
    int64_t value = 0;
    const size_t begin = at_;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
      if (at_ - begin >= 18) return std::nullopt;
      value = value * 10 + (text_[at_++] - '0');
    }
    if (at_ == begin) return std::nullopt;
    numbers_.push_back(value);
    return Fraction{value, 1};
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<int64_t> numbers_;
};

}  // namespace

std::optional<ExpressionValue> EvaluateExpression(std::string_view expression) {
  return Parser(expression).Run();
}

}  // namespace rlvr
