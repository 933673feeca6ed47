#include <algorithm>
#include <array>

#include "verify/math/characters.h"
#include "verify/math/extract.h"

namespace rlvr::math {
namespace {

using std::string_view;

constexpr std::array<string_view, 12> kCurrency = {"$", "€", "£", "¥",   "₹", "₽",
                                                   "₩", "₫", "฿", "₿", "₺", "₦"};

// The bytes of an operator of plain arithmetic at `at`; 0: none.
size_t Operator(string_view s, size_t at) {
  if (string_view("+-*/^()").find(s[at]) != string_view::npos) return 1;
  if (s.substr(at).starts_with("×") || s.substr(at).starts_with("÷")) return 2;
  return 0;
}

size_t ExpressionByte(string_view s, size_t at) {
  if (IsDigit(s[at]) || s[at] == '.' || IsSpace(s[at])) return 1;
  return Operator(s, at);
}

// Behind an expression: a point, comma, colon, space, bracket, dollar or the end.
bool Suffix(string_view s, size_t at) {
  if (s.substr(at).starts_with("**")) at += 2;
  return at >= s.size() || IsSpace(s[at]) || string_view(".,:)$").find(s[at]) != string_view::npos;
}

size_t Digits(string_view s, size_t at) {
  size_t n = 0;
  while (at + n < s.size() && IsDigit(s[at + n])) ++n;
  return n;
}

}  // namespace

PlainFinder::PlainFinder(string_view text, bool any_script, Work* work)
    : s_(text),
      any_script_(any_script),
      work_(work),
      run_end_(text.size() + 1),
      next_operator_(text.size() + 2, static_cast<uint32_t>(text.size())) {
  work_->Spend(static_cast<int64_t>(text.size()));
  run_end_[text.size()] = static_cast<uint32_t>(text.size());
  for (size_t i = text.size(); i-- > 0;) {
    const size_t n = ExpressionByte(text, i);
    run_end_[i] = n == 0 ? static_cast<uint32_t>(i) : run_end_[i + n];
    next_operator_[i] = Operator(text, i) > 0 ? static_cast<uint32_t>(i) : next_operator_[i + 1];
  }
}

// Behind the start, a space or "=" (in other scripts any letter), and maybe "**".
std::optional<size_t> PlainFinder::Anchor(size_t at) const {
  size_t i = at;
  if (i < s_.size() && (IsSpace(s_[i]) || s_[i] == '=')) {
    ++i;
  } else if (any_script_ && i < s_.size() && static_cast<unsigned char>(s_[i]) >= 0x80) {
    ++i;
    while (i < s_.size() && (static_cast<unsigned char>(s_[i]) & 0xc0) == 0x80) ++i;
  } else if (i != 0) {
    return std::nullopt;
  }
  if (s_.substr(i).starts_with("**")) i += 2;
  if (i >= s_.size()) return std::nullopt;
  return i;
}

// A digit, then digits and operators with at least one operator, then a suffix.
std::optional<Match> PlainFinder::Expression(size_t at) {
  const auto from = Anchor(at);
  if (!from) return std::nullopt;
  size_t i = *from;
  if (s_[i] == '-') ++i;
  if (i < s_.size() && s_[i] == '(') ++i;
  if (i < s_.size() && s_[i] == '-') ++i;
  if (i >= s_.size() || !IsDigit(s_[i])) return std::nullopt;
  const size_t run = run_end_[i];
  // The first operator must leave something behind it.
  const size_t op = next_operator_[i + 1];
  if (op >= run) return std::nullopt;
  for (size_t end = run; end > op + 1; --end) {
    work_->Spend(1);
    if ((static_cast<unsigned char>(end < s_.size() ? s_[end] : 0) & 0xc0) == 0x80) continue;
    if (!Suffix(s_, end)) continue;
    Match m;
    m.begin = at;
    m.end = end + (s_.substr(end).starts_with("**") ? 2 : 0);
    if (m.end < s_.size()) ++m.end;
    m.formulas.push_back({std::string(s_.substr(*from, end - *from)), false});
    return m;
  }
  return std::nullopt;
}

std::optional<Match> PlainFinder::NumberMatch(size_t at) {
  const auto anchor = Anchor(at);
  if (!anchor) return std::nullopt;
  size_t i = *anchor;
  for (const string_view money : kCurrency) {
    if (!s_.substr(i).starts_with(money)) continue;
    i += money.size();
    break;
  }
  if (i >= s_.size() || (i > 0 && IsDigit(s_[i - 1]))) return std::nullopt;
  const bool negative = s_[i] == '-';
  size_t p = i + negative;
  const size_t digits = Digits(s_, p);
  std::string number = negative ? "-" : "";
  // 1,234,567.89 or 1 234
  size_t end = p + digits;
  size_t groups = 0;
  if (digits >= 1 && digits <= 3 && s_[p] != '0') {
    number += s_.substr(p, digits);
    while (end < s_.size() && (s_[end] == ',' || s_[end] == ' ') && Digits(s_, end + 1) >= 3) {
      number += s_.substr(end + 1, 3);
      end += 4;
      ++groups;
      if (Digits(s_, end) > 0) break;
    }
  }
  if (groups > 0) {
    if (end < s_.size() && s_[end] == '.' && Digits(s_, end + 1) > 0) {
      const size_t part = Digits(s_, end + 1);
      number += s_.substr(end, part + 1);
      end += part + 1;
    }
  } else if (digits > 0) {
    number = std::string(negative ? "-" : "") + std::string(s_.substr(p, digits));
    end = p + digits;
    if (end < s_.size() && (s_[end] == '.' || s_[end] == ',') && Digits(s_, end + 1) > 0) {
      const size_t part = Digits(s_, end + 1);
      number += "." + std::string(s_.substr(end + 1, part));
      end += part + 1;
    }
  } else if (!negative && s_[p] == '.' && Digits(s_, p + 1) > 0) {
    end = p + 1 + Digits(s_, p + 1);
    number += "0" + std::string(s_.substr(p, end - p));
  } else {
    return std::nullopt;
  }
  work_->Spend(static_cast<int64_t>(end - i));
  Match m;
  m.begin = at;
  m.number = true;
  size_t behind = end;
  while (behind < s_.size() && IsSpace(s_[behind])) ++behind;
  bool percent = false;
  for (const string_view word :
       {"%", "percentage", "Percentage", "percent", "Percent", "pct", "Pct"}) {
    if (!s_.substr(behind).starts_with(word)) continue;
    percent = true;
    end = behind + word.size();
    break;
  }
  m.end = end;
  m.formulas.push_back({std::move(number), percent});
  return m;
}

std::optional<Match> PlainFinder::At(size_t at) {
  if (auto m = Expression(at)) return m;
  return NumberMatch(at);
}

std::vector<Match> PlainFinder::All() {
  std::vector<Match> all;
  for (const bool expression : {true, false}) {
    for (size_t i = 0; i <= s_.size();) {
      auto m = expression ? Expression(i) : NumberMatch(i);
      if (!m) {
        ++i;
        continue;
      }
      i = std::max(i + 1, m->end);
      all.push_back(std::move(*m));
    }
  }
  return all;
}

}  // namespace rlvr::math
