#include "verify/turn_answer.h"

#include <algorithm>
#include <cctype>

#include "verify/turn_phrases.h"

namespace rlvr {
namespace {

// How many words may follow a sentence that does not conclude, and one that does.
constexpr int kLast = 12, kTail = 60;

std::string_view Trimmed(std::string_view s) {
  const char* dropped = " \t\r\n*_`$.";
  const size_t begin = s.find_first_not_of(dropped);
  if (begin == std::string_view::npos) return {};
  return s.substr(begin, s.find_last_not_of(dropped) - begin + 1);
}

// How the word before a number speaks for it.
int LeadIn(std::string_view before) {
  const size_t last = before.find_last_not_of(" $");
  if (last == std::string_view::npos) return 0;
  before = before.substr(0, last + 1);
  if (before.ends_with("total of")) return 2;
  const size_t word = before.find_last_of(" (");
  const std::string_view w = word == std::string_view::npos ? before : before.substr(word + 1);
  for (const char* good :
       {"is",    "are",  "was",           "were",  "be",     "=",       "need",   "needs",
        "have",  "has",  "approximately", "about", "around", "exactly", "total:", "answer:",
        "takes", "take", "cut",           "costs", "cost",   "eat",     "earn",   "earns"}) {
    if (w == good) return 2;
  }
  for (const char* bad :
       {"all", "for", "to", "after", "over",  "per",      "with",  "by",      "from", "than",
        "at",  "on",  "in", "of",    "every", "each",     "these", "between", "*",    "x",
        "/",   "+",   "-",  "and",   "july",  "december", "step",  "the",     "those"}) {
    if (w == bad) return -2;
  }
  return 0;
}

// Several candidates where one is due: "20 to 35", "17 or 18", "between 50 and 100".
bool IsRange(const PlainText& plain, const Sentence& s) {
  if (s.numbers.size() < 2) return false;
  const NumberSpan &a = s.numbers[s.numbers.size() - 2], &b = s.numbers.back();
  std::string_view gap = std::string_view(plain.text).substr(a.end, b.begin - a.end);
  const size_t first = gap.find_first_not_of(' ');
  if (first == std::string_view::npos) return false;
  gap = gap.substr(first, gap.find_last_not_of(' ') - first + 1);
  return gap == "to" || gap == "or" || (gap == "and" && HasPhrase(s.spoken, {"between"}));
}

// Ends in a sum or fraction that nobody worked out: "= 9 / 2", "Beads: 7 / 0.25".
bool IsUnfinished(const Sentence& s) {
  const size_t equals = s.text.rfind('=');
  std::string_view value = s.text.substr(equals == std::string_view::npos ? 0 : equals + 1);
  if (equals == std::string_view::npos) {
    const size_t colon = value.rfind(": ");
    if (colon != std::string_view::npos) value = value.substr(colon + 1);
    if (value.find_first_not_of("0123456789.,$+-*x/() ") != std::string_view::npos) return false;
  } else if (value.find_first_not_of(" $") == std::string_view::npos) {
    return true;
  }
  for (const char* sign : {" + ", " * ", " x ", " / "}) {
    if (value.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

class Finder {
 public:
  explicit Finder(const TurnText& turn) : turn_(turn) {}

  FoundAnswer Find() const {
    if (FoundAnswer f = Boxed(); !f.text.empty() || f.several) return f;
    if (FoundAnswer f = Marked(); !f.text.empty()) return f;
    return Concluded();
  }

 private:
  std::string Verbatim(NumberSpan n) const {
    const auto& at = turn_.plain.at;
    return std::string(turn_.original.substr(at[n.begin], at[n.end - 1] + 1 - at[n.begin]));
  }

  FoundAnswer Boxed() const {
    const std::string_view original = turn_.original;
    const size_t at = original.rfind("\\boxed{");
    if (at == std::string_view::npos) return {};
    int depth = 1;
    for (size_t i = at + 7; i < original.size(); ++i) {
      depth += original[i] == '{' ? 1 : original[i] == '}' ? -1 : 0;
      if (depth > 0) continue;
      const auto& where = turn_.plain.at;
      const size_t plain =
          static_cast<size_t>(std::lower_bound(where.begin(), where.end(), at) - where.begin());
      const std::string_view content = original.substr(at + 7, i - at - 7);
      Sentence inside;
      inside.spoken = MakePlain(content).text;
      if (SaysGap(inside)) return {};
      FoundAnswer found{.sentence = turn_.SentenceAt(plain), .text = "", .firm = true};
      found.several = HasPhrase(inside.spoken, {"or"});
      if (!found.several) found.text = Trimmed(content);
      return found;
    }
    return {};
  }

  // Of a sentence's numbers the one that it is about.
  const NumberSpan* Chosen(const Sentence& s, size_t from) const {
    const std::string_view text = turn_.plain.text;
    const auto& bold = turn_.plain.bold;
    size_t num_bold = 0, num = 0;
    for (const NumberSpan& n : s.numbers) {
      num += n.begin >= from ? 1 : 0;
      num_bold += n.begin >= from && bold[n.begin] ? 1 : 0;
    }
    const size_t equals = s.text.rfind('=');
    const NumberSpan* best = nullptr;
    int best_score = 0;
    for (const NumberSpan& n : s.numbers) {
      if (n.begin < from) continue;
      const std::string_view before = text.substr(s.begin, n.begin - s.begin);
      int score = 0;
      if (num_bold < num && bold[n.begin]) score += 4;
      if (equals != std::string_view::npos && n.begin < s.begin + equals) score -= 4;
      if (std::count(before.begin(), before.end(), '(') >
          std::count(before.begin(), before.end(), ')'))
        score -= 3;
      score += LeadIn(before);
      if (best == nullptr || score >= best_score) {
        best = &n;
        best_score = score;
      }
    }
    return best;
  }

  FoundAnswer Marked() const {
    FoundAnswer found;
    const std::string& text = turn_.plain.text;
    const auto& where = turn_.plain.at;
    for (const std::string_view mark : {"#### ", "answer:", "answer is", "answer ="}) {
      const size_t at = text.rfind(mark);
      if (at == std::string::npos) continue;
      size_t begin = at + mark.size();
      while (begin < text.size() &&
             (text[begin] == ':' || std::isspace(static_cast<unsigned char>(text[begin]))))
        ++begin;
      if (begin >= text.size()) continue;
      const size_t sentence = turn_.SentenceAt(begin);
      const Sentence& s = turn_.sentences[sentence];
      if ((!found.text.empty() && sentence < found.sentence) || SaysGap(s) || Hedges(s)) continue;
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string_view line =
          Trimmed(turn_.original.substr(where[begin], where[end] - where[begin]));
      const NumberSpan* n = Chosen(s, begin);
      const bool whole = mark != "answer is" && line.size() <= 24;
      if (whole && !line.empty())
        found = {.sentence = sentence, .text = std::string(line), .firm = true};
      else if (n != nullptr)
        found = {.sentence = sentence, .text = Verbatim(*n), .firm = true};
    }
    return found;
  }

  FoundAnswer Concluded() const {
    int words_after = 0;
    for (size_t i = turn_.sentences.size(); i-- > 0;) {
      const Sentence& s = turn_.sentences[i];
      const int words = IsCourtesy(s) ? 0 : NumWords(s.text);
      const bool usable = !s.numbers.empty() && !s.question && !SaysGap(s) && !Requests(s) &&
                          s.text.find("__") == std::string_view::npos && !IsCourtesy(s);
      const bool last = words_after <= kLast && !s.listed;
      if (usable && (Concludes(s) || s.text.find('=') != std::string_view::npos || last)) {
        FoundAnswer found{.sentence = i, .text = "", .firm = ConcludesFirmly(s)};
        if (turn_.IsIntroduced(i) && ConcludesFirmly(turn_.sentences[i - 1])) found.firm = true;
        found.several = IsRange(turn_.plain, s);
        if (found.several) return found;
        if (IsUnfinished(s) || Hedges(s) || (!found.firm && IsCase(s))) return {};
        const NumberSpan n = *Chosen(s, s.begin);
        found.text = Verbatim(n);
        found.bold = turn_.plain.bold[n.begin];
        return found;
      }
      words_after += words;
      if (words_after > kTail) return {};
    }
    return {};
  }

  const TurnText& turn_;
};

}  // namespace

FoundAnswer FindAnswer(const TurnText& turn) { return Finder(turn).Find(); }

}  // namespace rlvr
