#include "verify/math/characters.h"
#include "verify/math/extract.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "verify/math/parser.h"

namespace rlvr::math {
namespace {

using std::string_view;

// Where `word` begins, whatever its case; npos: nowhere.
size_t FindWord(string_view s, string_view word, size_t from) {
  const char lower = LowerCase(word[0]),
             upper = static_cast<char>(IsLetter(lower) ? lower - 'a' + 'A' : lower);
  for (size_t i = from; i + word.size() <= s.size(); ++i) {
    if (s[i] != lower && s[i] != upper) continue;
    size_t k = 1;
    while (k < word.size() && LowerCase(s[i + k]) == LowerCase(word[k])) ++k;
    if (k == word.size()) return i;
  }
  return string_view::npos;
}

bool StartsWithWord(string_view s, size_t at, string_view word) {
  return FindWord(s.substr(at, word.size()), word, 0) == 0;
}

struct Language {
  string_view name;
  std::array<string_view, 3> answers;  // its words for "answer"
};
constexpr std::array<Language, 10> kLanguages = {{
    {"english", {"answer", "", ""}},
    {"french", {"réponse", "Réponse", ""}},
    {"german", {"antwort", "", ""}},
    {"spanish", {"respuesta", "", ""}},
    {"italian", {"risposta", "", ""}},
    {"portuguese", {"resposta", "", ""}},
    {"chinese", {"答案", "答", ""}},
    {"japanese", {"答え", "答", ""}},
    {"russian", {"ответ", "Ответ", ""}},
    {"arabic", {"الإجابة", "الجواب", ""}},
}};

class Finder {
 public:
  Finder(string_view text, const ExtractionOptions& options, Work* work)
      : s_(text), options_(options), work_(work), latex_(text, work) {
    if (options.expression) plain_.emplace(text, options.language != "english", work);
  }

  // The matches of one priority.
  std::vector<Match> Priority(int priority) {
    std::vector<Match> all;
    switch (priority) {
      case 0:
        FinalAnswer(true, &all);
        break;
      case 50:
        FinalAnswer(false, &all);
        break;
      case 100:
        Answer(true, &all);
        break;
      case 200:
        Answer(false, &all);
        break;
      default:
        if (options_.latex && !options_.anchors_only) Append(latex_.All(false), &all);
        if (plain_) Append(plain_->All(), &all);
    }
    if (priority == (options_.boxed_first ? 0 : 50) && options_.latex) Boxes(&all);
    std::stable_sort(all.begin(), all.end(), [](const Match& a, const Match& b) {
      return a.end != b.end ? a.end > b.end : a.begin < b.begin;
    });
    return all;
  }

 private:
  static void Append(std::vector<Match> from, std::vector<Match>* to) {
    for (Match& m : from) to->push_back(std::move(m));
  }

  size_t Spaces(size_t at) const {
    while (at < s_.size() && IsSpace(s_[at])) ++at;
    return at;
  }

  void Boxes(std::vector<Match>* all) {
    const size_t first = s_.find("\\boxed{");
    if (first == string_view::npos) return;
    Append(latex_.All(true), all);
    const size_t last = s_.rfind('}');
    if (last == string_view::npos || last <= first + 7) return;
    Match m;
    m.latex = m.loose_box = true;
    m.begin = first;
    m.end = last + 1;
    m.formulas.push_back({std::string(s_.substr(first, last + 1 - first)), false});
    all->push_back(std::move(m));
  }

  // "I hope" behind a final answer is what many few-shot prompts end in.
  bool Hope(size_t at) const {
    if (at < s_.size() && s_[at] == '.') ++at;
    if (at < s_.size() && IsSpace(s_[at])) ++at;
    if (s_.substr(at).starts_with("I hope")) return true;
    // The formula has taken the space.
    return at > 0 && s_.substr(at - (at > 0 ? 1 : 0)).starts_with("I hope");
  }

  // At `at` behind "is": a colon, spaces, then the formula or number.
  void Behind(size_t at, bool hope, std::vector<Match>* all, size_t* end) {
    const size_t colon = at < s_.size() && s_[at] == ':' ? at + 1 : at;
    const size_t start = Spaces(colon);
    for (const size_t p : {start, start - 1}) {
      if (p < colon) continue;
      if (options_.latex) {
        if (auto m = latex_.At(p, false); m && (!hope || Hope(m->end))) {
          *end = std::max(*end, m->end);
          all->push_back(std::move(*m));
          break;
        }
      }
    }
    if (!plain_) return;
    for (const size_t p : {start - 1, start}) {
      if (p < colon) continue;
      if (auto m = plain_->At(p); m && (!hope || Hope(m->end))) {
        *end = std::max(*end, m->end);
        all->push_back(std::move(*m));
        break;
      }
    }
  }

  void FinalAnswer(bool hope, std::vector<Match>* all) {
    constexpr size_t kWithin = 100;
    for (size_t at = 0; (at = FindWord(s_, "final answer", at)) != string_view::npos;) {
      const size_t behind = at + 12;
      size_t end = behind;
      const size_t before = all->size();
      for (size_t p = behind; p <= behind + (hope ? 0 : kWithin) && p < s_.size(); ++p) {
        work_->Spend(1);
        if (!IsSpace(s_[p])) continue;
        const size_t word = Spaces(p);
        if (hope && word != p + 1) continue;
        if (!StartsWithWord(s_, word, "is") || word + 2 > s_.size()) continue;
        Behind(word + 2, hope, all, &end);
        if (all->size() > before) break;
      }
      at = end;
    }
  }

  // Whether a number is the left side of an equation: "answer x: 5 = ...".
  bool IsLeftSide(const Match& m) const {
    const size_t at = Spaces(m.end);
    return at < s_.size() && s_[at] == '=';
  }

  void Answer(bool colon, std::vector<Match>* all) {
    const Language* language = &kLanguages[0];
    for (const Language& l : kLanguages)
      if (l.name == options_.language) language = &l;
    for (const string_view word : language->answers) {
      if (!word.empty()) AnswerWord(word, colon, all);
    }
  }

  void AnswerWord(string_view word, bool colon, std::vector<Match>* all) {
    constexpr size_t kWithin = 50, kEquals = 100;
    for (size_t at = 0; (at = FindWord(s_, word, at)) != string_view::npos;) {
      size_t p = at + word.size();
      at = p;
      if (colon) {
        if (p < s_.size() && s_[p] == ':') {
          ++p;
        } else if (s_.substr(p).starts_with("：")) {
          p += 3;
        } else {
          continue;
        }
      }
      if (options_.latex) {
        for (size_t k = p; k <= p + kWithin && k < s_.size(); ++k) {
          work_->Spend(1);
          auto m = latex_.At(k, false);
          if (!m) continue;
          m->begin = at;
          at = std::max(at, m->end);
          all->push_back(std::move(*m));
          break;
        }
      }
      if (plain_) PlainAnswer(p, kWithin, kEquals, all);
    }
  }

  void PlainAnswer(size_t p, size_t within, size_t equals, std::vector<Match>* all) {
    size_t line = std::min(s_.find('\n', p), s_.size());
    // What follows the last "=" of the line, else the first number.
    for (size_t k = std::min(p + equals, line); k-- > p;) {
      work_->Spend(1);
      if (s_[k] != '=') continue;
      const size_t start = Spaces(k + 1);
      for (const size_t q : {start - 1, start}) {
        if (q <= k) continue;
        if (auto m = plain_->At(q); m && !IsLeftSide(*m)) {
          m->begin = p;
          all->push_back(std::move(*m));
          return;
        }
      }
    }
    for (size_t k = p; k <= p + within && k < s_.size(); ++k) {
      work_->Spend(1);
      if (k > p && s_[k - 1] == '\n') return;
      if (auto m = plain_->At(k); m && !IsLeftSide(*m)) {
        m->begin = p;
        all->push_back(std::move(*m));
        return;
      }
    }
  }

  string_view s_;
  const ExtractionOptions& options_;
  Work* work_;
  LatexFinder latex_;
  std::optional<PlainFinder> plain_;
};

Node AsPercent(Node n) {
  if (IsSet(n) || IsRelation(n) || n.Is(Kind::kTuple) || n.Is(Kind::kPercent)) return n;
  std::vector<Node> kids;
  kids.push_back(std::move(n));
  return Make(Kind::kPercent, std::move(kids));
}

// The value of a match and the text it was made of.
std::optional<Node> Value(const Match& m, std::string* text, Work* work) {
  if (!m.latex) {
    *text = m.formulas[0].text;
    work->Spend(static_cast<int64_t>(text->size()) * Work::kParsed);
    if (!m.number) return Parse(*text);
    const bool negative = text->starts_with('-');
    const auto value = Rational::FromDecimal(string_view(*text).substr(negative ? 1 : 0));
    if (!value) return std::nullopt;
    Node n = Number(negative ? -*value : *value);
    n.decimal = text->find('.') != std::string::npos;
    return m.formulas[0].percent ? AsPercent(std::move(n)) : n;
  }
  std::vector<Node> values;
  bool all_parsed = true;
  text->clear();
  std::optional<Node> first;
  for (size_t i = 0; i < m.formulas.size(); ++i) {
    const auto boxed = BoxedContents(m.formulas[i].text, !m.loose_box);
    const std::string& latex = boxed ? *boxed : m.formulas[i].text;
    *text += (i > 0 ? " and " : "") + latex;
    work->Spend(static_cast<int64_t>(latex.size()) * Work::kParsed);
    auto value = Parse(latex);
    if (value && m.formulas[i].percent) value = AsPercent(std::move(*value));
    all_parsed &= value.has_value();
    if (i == 0) first = value;
    if (value) values.push_back(std::move(*value));
  }
  if (m.formulas.size() == 1 || !all_parsed) return first;
  std::vector<Node> elements;
  for (Node& v : values) {
    if (v.Is(Kind::kSet)) {
      for (Node& kid : v.kids) elements.push_back(std::move(kid));
    } else {
      elements.push_back(std::move(v));
    }
  }
  return Make(Kind::kSet, std::move(elements));
}

}  // namespace

Extraction Extract(string_view response, const ExtractionOptions& options, Work* work) {
  if (response.size() > kMaxResponse) response.remove_prefix(response.size() - kMaxResponse);
  Finder finder(response, options, work);
  Extraction result;
  for (const int priority : {0, 50, 100, 200, 300}) {
    bool matched = false;
    for (const Match& m : finder.Priority(priority)) {
      std::string text;
      result.value = Value(m, &text, work);
      matched = true;
      if (result.text.empty()) result.text = PlainForm(text);
      if (result.value) {
        result.parsed = text;
        return result;
      }
      if (options.first_match) return result;
    }
    if (matched && options.first_match) return result;
  }
  return result;
}

}  // namespace rlvr::math
