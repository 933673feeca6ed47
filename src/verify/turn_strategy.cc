#include "verify/turn_strategy.h"

#include <algorithm>
#include <cctype>

#include "verify/turn_text.h"

namespace rlvr {
namespace {

// Says outright that it cannot answer.
bool SaysCannot(const Sentence& s) {
  if (HasPhrase(s.spoken, {"not enough information", "don't have enough", "do not have enough",
                           "not possible to", "impossible to", "insufficient information"}))
    return true;
  return HasPhrase(s.spoken, {"cannot", "can't", "can not", "unable to", "not able to", "could not",
                              "couldn't"}) &&
         HasPhrase(s.spoken,
                   {"determine", "determined", "calculate", "calculated", "provide", "answer",
                    "answered",  "solve",      "solved",    "give",       "given",   "find",
                    "complete",  "proceed",    "tell",      "say",        "state",   "compute",
                    "computed",  "figure",     "help"});
}

// Says that something is missing for an answer.
bool SaysGap(const Sentence& s) {
  if (HasPhrase(s.spoken, {"enough information",
                           "enough details",
                           "enough data",
                           "more information",
                           "additional information",
                           "more details",
                           "more context",
                           "more specific",
                           "not provided",
                           "not given",
                           "not specified",
                           "not mentioned",
                           "not stated",
                           "not yet known",
                           "not known",
                           "haven't provided",
                           "have not provided",
                           "hasn't been provided",
                           "has not been provided",
                           "wasn't provided",
                           "were not provided",
                           "weren't provided",
                           "doesn't provide",
                           "does not provide",
                           "didn't provide",
                           "did not provide",
                           "don't provide",
                           "do not provide",
                           "haven't given",
                           "haven't told",
                           "haven't specified",
                           "doesn't specify",
                           "does not specify",
                           "don't specify",
                           "need to know",
                           "still need",
                           "i need",
                           "i'd need",
                           "i'll need",
                           "i would need",
                           "we need more",
                           "you would need",
                           "you'd need",
                           "we would need",
                           "we'd need",
                           "without knowing",
                           "without more",
                           "without additional",
                           "without specific",
                           "without further",
                           "no information",
                           "no specific",
                           "missing information",
                           "missing piece",
                           "still missing",
                           "is missing",
                           "are missing",
                           "not possible to",
                           "impossible to",
                           "insufficient",
                           "still awaiting",
                           "am awaiting",
                           "i don't know",
                           "we don't know",
                           "i do not know",
                           "we do not know",
                           "is unknown",
                           "still unknown",
                           "indeterminate",
                           "undetermined",
                           "remains unknown",
                           "don't have",
                           "do not have",
                           "lack of",
                           "unsolvable",
                           "not solvable",
                           "incomplete"}))
    return true;
  return SaysCannot(s);
}

// Asks the user for something without a question mark.
bool Requests(const Sentence& s) {
  return HasPhrase(
      s.spoken,
      {"please provide",     "please tell",          "please specify",  "please clarify",
       "please share",       "please give",          "let me know the", "let me know what",
       "let me know how",    "let me know which",    "tell me",         "if you provide",
       "if you can provide", "if you could provide", "if you give",     "if you share",
       "if you let me know", "once you provide",     "once i have",     "once we have",
       "once you give",      "once i know",          "once we know",    "provide the following",
       "need the following", "could provide more",   "can provide more"});
}

// Courtesy, and whether it got it right: nothing that the answer waits for.
bool IsCourtesy(const Sentence& s) {
  return HasPhrase(s.spoken, {"any questions",
                              "any other questions",
                              "further questions",
                              "more questions",
                              "anything else",
                              "else can i help",
                              "would you like",
                              "make sense",
                              "if you need",
                              "need any",
                              "any further",
                              "refine",
                              "any clarification",
                              "let me know if",
                              "please confirm",
                              "is that correct",
                              "is this correct",
                              "did i",
                              "have i",
                              "does that",
                              "does this",
                              "feel free",
                              "happy to"});
}

// Sets up a case of its own.
bool Assumes(const Sentence& s) {
  return HasPhrase(s.spoken, {"hypothetical", "hypothetically", "for example", "for instance",
                              "example scenario", "as an example", "for illustration",
                              "illustrative", "to illustrate", "fictional", "if you told",
                              "if you tell", "let's say", "suppose"});
}

// After an answer: takes it back.
bool TakesBack(const Sentence& s) {
  return s.spoken.starts_with("however") || s.spoken.starts_with("but ") ||
         HasPhrase(s.spoken, {"wait", "incorrect", "not correct", "not be correct", "not accurate",
                              "mistake", "issue with", "contradiction", "doesn't make sense",
                              "does not make sense", "can't be right", "cannot be right"});
}

// A question that yes or no would answer: it offers, and waits for nothing.
bool Offers(const Sentence& s) {
  for (const char* word : {"is ", "are ", "do ", "does ", "did ", "would ", "shall ", "should ",
                           "can i ", "have i ", "has ", "am i ", "want "}) {
    if (s.spoken.starts_with(word)) return true;
  }
  return false;
}

bool Concludes(const Sentence& s) {
  return HasPhrase(s.spoken, {"therefore", "thus", "hence", "so", "in total", "total",
                              "in conclusion", "final answer", "the answer", "this means",
                              "in summary", "altogether", "which means"});
}

int NumWords(std::string_view text) {
  int words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    words += !blank && !inside ? 1 : 0;
    inside = !blank;
  }
  return words;
}

std::string_view Trimmed(std::string_view s) {
  const char* dropped = " \t\r\n*_`$.";
  const size_t begin = s.find_first_not_of(dropped);
  if (begin == std::string_view::npos) return {};
  return s.substr(begin, s.find_last_not_of(dropped) - begin + 1);
}

// A final answer and the sentence that gives it.
struct Found {
  size_t sentence = 0;
  std::string answer;
  bool strong = false;  // stands in \boxed{} or behind a mark or "therefore"
};

constexpr int kLast = 12, kTail = 60;

struct Counts {
  int questions = 0, requests = 0;
  int listed_asks = 0;     // items of lists of what is asked for
  bool list_open = false;  // such a list may go on
  bool working = false;    // calculates something
  bool cannot = false;     // says so outright
  // 1 + the sentence's index; 0: none.
  size_t last_gap = 0, last_question = 0, last_request = 0, last_taken_back = 0,
         first_assumption = 0;
};

class Reader {
 public:
  Reader(std::string_view original, std::string_view request)
      : original_(original),
        plain_(MakePlain(original)),
        request_(MakePlain(request)),
        sentences_(SplitSentences(plain_)),
        request_sentences_(SplitSentences(request_)) {}

  TurnReading Read() const {
    if (std::none_of(plain_.text.begin(), plain_.text.end(),
                     [](unsigned char c) { return std::isalnum(c) || c >= 0x80; }))
      return {TurnStrategy::kMissing, ""};
    // A word alone, cut off or not, says nothing.
    if (NumWords(original_) == 1 && sentences_.size() == 1 && sentences_[0].numbers.empty() &&
        !sentences_[0].question && original_.find("\\boxed") == std::string_view::npos)
      return {TurnStrategy::kMissing, ""};
    Counts c;
    for (size_t i = 0; i < sentences_.size(); ++i) Count(i, &c);
    const Found found = FindAnswer();
    const size_t at = found.sentence + 1;
    const bool assumption = c.first_assumption > 0 && c.first_assumption <= at;
    if (!found.answer.empty() && c.last_gap <= at && c.last_request <= at &&
        (c.last_question <= at || found.strong) && c.last_taken_back <= at &&
        !(assumption && c.last_gap > 0))
      return {TurnStrategy::kAnswerAttempt, found.answer};
    if (assumption && c.questions + c.requests == 0 && !found.answer.empty())
      return {TurnStrategy::kHedge, ""};
    if (c.questions >= 2 || (c.questions + c.requests >= 1 && c.listed_asks >= 2)) {
      if (!c.working) return {TurnStrategy::kInterrogation, ""};
      return {TurnStrategy::kDiscussion, ""};
    }
    if (c.cannot && !c.working && c.questions == 0) return {TurnStrategy::kRefuse, ""};
    if (c.questions + c.requests >= 1 && NumWords(original_) < 100)
      return {TurnStrategy::kClarification, ""};
    if (c.last_gap > 0 && !c.working) return {TurnStrategy::kRefuse, ""};
    return {TurnStrategy::kDiscussion, ""};
  }

 private:
  std::string Verbatim(NumberSpan n) const {
    const size_t end = plain_.at[n.end - 1];
    return std::string(original_.substr(plain_.at[n.begin], end + 1 - plain_.at[n.begin]));
  }
  size_t SentenceAt(size_t plain_position) const {
    size_t i = 0;
    while (i + 1 < sentences_.size() && sentences_[i + 1].begin <= plain_position) ++i;
    return i;
  }

  Found Boxed() const {
    const size_t at = original_.rfind("\\boxed{");
    if (at == std::string_view::npos) return {};
    int depth = 1;
    for (size_t i = at + 7; i < original_.size(); ++i) {
      depth += original_[i] == '{' ? 1 : original_[i] == '}' ? -1 : 0;
      if (depth > 0) continue;
      const size_t plain = static_cast<size_t>(
          std::lower_bound(plain_.at.begin(), plain_.at.end(), at) - plain_.at.begin());
      Sentence inside;
      inside.spoken = MakePlain(original_.substr(at + 7, i - at - 7)).text;
      if (SaysGap(inside) || HasPhrase(inside.spoken, {"or"})) return {};
      return {SentenceAt(plain), std::string(Trimmed(original_.substr(at + 7, i - at - 7))), true};
    }
    return {};
  }

  // Of a sentence's numbers the one that it is about.
  const NumberSpan* Chosen(const Sentence& s, size_t from) const {
    const std::string_view text = plain_.text;
    size_t num_bold = 0, num = 0;
    for (const NumberSpan& n : s.numbers) {
      num += n.begin >= from ? 1 : 0;
      num_bold += n.begin >= from && plain_.bold[n.begin] ? 1 : 0;
    }
    const size_t equals = s.text.rfind('=');
    const size_t after_equals =
        equals == std::string_view::npos ? s.begin : std::max(s.begin + equals, s.begin);
    const NumberSpan* best = nullptr;
    int best_score = 0;
    for (const NumberSpan& n : s.numbers) {
      if (n.begin < from) continue;
      const std::string_view before = text.substr(s.begin, n.begin - s.begin);
      int score = 0;
      if (num_bold < num && plain_.bold[n.begin]) score += 4;
      if (equals != std::string_view::npos && n.begin < after_equals) score -= 4;
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

  // How the word before a number speaks for it.
  static int LeadIn(std::string_view before) {
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

  Found Marked() const {
    Found found;
    for (const std::string_view mark : {"#### ", "answer:", "answer is", "answer ="}) {
      const size_t at = plain_.text.rfind(mark);
      if (at == std::string::npos) continue;
      size_t begin = at + mark.size();
      while (begin < plain_.text.size() &&
             (plain_.text[begin] == ':' ||
              std::isspace(static_cast<unsigned char>(plain_.text[begin]))))
        ++begin;
      if (begin >= plain_.text.size()) continue;
      const size_t sentence = SentenceAt(begin);
      const Sentence& s = sentences_[sentence];
      if ((!found.answer.empty() && sentence < found.sentence) || SaysGap(s)) continue;
      const size_t end = std::min(plain_.text.find('\n', begin), plain_.text.size());
      const std::string_view line =
          Trimmed(original_.substr(plain_.at[begin], plain_.at[end] - plain_.at[begin]));
      const NumberSpan* n = Chosen(s, begin);
      const bool whole = mark != "answer is" && line.size() <= 24;
      if (whole && !line.empty())
        found = {sentence, std::string(line), true};
      else if (n != nullptr)
        found = {sentence, Verbatim(*n), true};
    }
    return found;
  }

  // Several candidates where one is due: "20-35", "17 or 18", "between 50 and 100".
  bool IsRange(const Sentence& s) const {
    if (s.numbers.size() < 2) return false;
    const NumberSpan &a = s.numbers[s.numbers.size() - 2], &b = s.numbers.back();
    std::string_view gap = std::string_view(plain_.text).substr(a.end, b.begin - a.end);
    const size_t first = gap.find_first_not_of(' ');
    if (first == std::string_view::npos) return false;
    gap = gap.substr(first, gap.find_last_not_of(' ') - first + 1);
    return gap == "to" || gap == "or" || (gap == "and" && HasPhrase(s.spoken, {"between"}));
  }

  // Ends in a sum or fraction that nobody worked out: "= 9 / 2".
  bool IsUnfinished(const Sentence& s) const {
    const size_t equals = s.text.rfind('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view value = s.text.substr(equals + 1);
    const size_t first = value.find_first_not_of(" $");
    if (first == std::string_view::npos) return true;
    for (const char* sign : {" + ", " * ", " x ", " / "}) {
      if (value.find(sign) != std::string_view::npos) return true;
    }
    return false;
  }

  Found Concluded() const {
    int words_after = 0;
    for (size_t i = sentences_.size(); i-- > 0;) {
      const Sentence& s = sentences_[i];
      const int words = IsCourtesy(s) ? 0 : NumWords(s.text);
      const bool usable = !s.numbers.empty() && !s.question && !SaysGap(s) && !Requests(s) &&
                          s.text.find("__") == std::string_view::npos && !IsCourtesy(s);
      const bool last = words_after <= kLast && !s.listed;
      if (usable && (Concludes(s) || s.text.find('=') != std::string_view::npos || last)) {
        if (IsRange(s) || IsUnfinished(s)) return {};
        const bool strong = s.spoken.starts_with("so ") || s.spoken.starts_with("so,") ||
                            HasPhrase(s.spoken, {"therefore", "thus", "hence", "in conclusion",
                                                 "final answer", "the answer"});
        return {i, Verbatim(*Chosen(s, s.begin)), strong};
      }
      words_after += words;
      if (words_after > kTail) return {};
    }
    return {};
  }

  void Count(size_t i, Counts* c) const {
    const Sentence& s = sentences_[i];
    if (s.text.find('=') != std::string_view::npos && !s.numbers.empty()) c->working = true;
    if (c->first_assumption == 0 && Assumes(s)) c->first_assumption = i + 1;
    const bool example = HasPhrase(s.text, {"example", "instance"});
    if (s.listed && c->list_open) {
      c->listed_asks += s.first && !s.question && s.spoken.find_first_not_of(' ') < 2 ? 1 : 0;
    } else {
      c->list_open = false;
    }
    if (IsCourtesy(s)) return;
    if (SaysGap(s)) c->last_gap = i + 1;
    if (TakesBack(s)) c->last_taken_back = i + 1;
    if (SaysCannot(s)) c->cannot = true;
    const bool asks = s.question || Requests(s);
    if ((asks || SaysGap(s)) && s.text.back() == ':' && !example) c->list_open = true;
    if (!asks || Repeats(s)) return;
    ++(s.question ? c->questions : c->requests);
    (s.question && Offers(s) ? c->last_question : c->last_request) = i + 1;
  }

  // A sentence of the request, said again.
  bool Repeats(const Sentence& s) const {
    const auto words = [](std::string_view text) {
      return text.substr(0, text.find_last_not_of("?.! ") + 1);
    };
    return std::any_of(request_sentences_.begin(), request_sentences_.end(),
                       [&](const Sentence& said) { return words(said.text) == words(s.text); });
  }

  Found FindAnswer() const {
    if (Found f = Boxed(); !f.answer.empty()) return f;
    if (Found f = Marked(); !f.answer.empty()) return f;
    return Concluded();
  }

  std::string_view original_;
  PlainText plain_, request_;
  std::vector<Sentence> sentences_, request_sentences_;
};

}  // namespace

TurnReading ReadTurn(std::string_view text, std::string_view request) {
  return Reader(text, request).Read();
}

}  // namespace rlvr
