#include "verify/turn_strategy.h"

#include <algorithm>
#include <cctype>

#include "verify/turn_text.h"

namespace rlvr {
namespace {

// Says that something is missing for an answer.
bool SaysGap(const Sentence& s) {
  return HasPhrase(s.spoken, {"not enough information",
                              "enough information",
                              "more information",
                              "additional information",
                              "not provided",
                              "not given",
                              "not specified",
                              "not mentioned",
                              "not stated",
                              "haven't provided",
                              "have not provided",
                              "hasn't provided",
                              "doesn't provide",
                              "does not provide",
                              "didn't provide",
                              "did not provide",
                              "don't provide",
                              "do not provide",
                              "cannot",
                              "can't",
                              "unable to",
                              "not able to",
                              "need to know",
                              "i still need",
                              "we still need",
                              "i need",
                              "i'd need",
                              "i would need",
                              "we need more",
                              "you would need",
                              "we would need",
                              "without knowing",
                              "without more",
                              "without additional",
                              "without any",
                              "without the",
                              "without specific",
                              "without that",
                              "without this",
                              "no information",
                              "no specific",
                              "missing information",
                              "missing piece",
                              "not possible",
                              "impossible to",
                              "insufficient",
                              "don't know",
                              "do not know",
                              "is unknown",
                              "don't have",
                              "do not have",
                              "remains unknown",
                              "more details",
                              "more context",
                              "information is missing",
                              "lack of information"});
}

// Asks the user for something without a question mark.
bool Requests(const Sentence& s) {
  return HasPhrase(s.spoken, {"please provide",         "please tell",
                              "please specify",         "please clarify",
                              "please share",           "please give",
                              "please let me know the", "please let me know what",
                              "please let me know how", "tell me",
                              "let me know the",        "let me know what",
                              "let me know how",        "if you provide",
                              "if you can provide",     "if you could provide",
                              "once you provide",       "once i have",
                              "once we have",           "once you give",
                              "provide the following",  "could provide more",
                              "need the following"});
}

// A question that asks nothing of the request: courtesy.
bool IsCourtesy(const Sentence& s) {
  return HasPhrase(s.spoken,
                   {"any questions", "any other questions", "further questions", "anything else",
                    "else can i help", "would you like", "make sense", "need any", "if you need"});
}

bool Assumes(const Sentence& s) {
  return HasPhrase(
      s.spoken, {"let's assume", "let us assume", "hypothetical", "hypothetically", "for example",
                 "for instance", "let's say", "suppose", "assume for", "as an example",
                 "for illustration", "fictional", "if you told", "if you tell"});
}

bool Concludes(const Sentence& s) {
  return HasPhrase(s.spoken,
                   {"therefore", "thus", "hence", "so", "in total", "total", "in conclusion",
                    "final answer", "the answer", "this means", "in summary", "altogether"});
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
  bool marked = false;  // by \boxed{}, ####, "answer:" or "answer is"
};

class Reader {
 public:
  explicit Reader(std::string_view original)
      : original_(original), plain_(MakePlain(original)), sentences_(SplitSentences(plain_)) {}

  TurnReading Read() const {
    if (std::none_of(original_.begin(), original_.end(),
                     [](unsigned char c) { return std::isalnum(c) || c >= 0x80; }))
      return {TurnStrategy::kMissing, ""};
    int questions = 0, requests = 0;
    size_t last_gap = 0, last_ask = 0, assumed = 0;  // 1 + the sentence's index
    for (size_t i = 0; i < sentences_.size(); ++i) {
      const Sentence& s = sentences_[i];
      const bool courtesy = IsCourtesy(s);
      if (s.question && !courtesy) {
        ++questions;
        last_ask = i + 1;
      } else if (Requests(s) && !courtesy) {
        ++requests;
        last_ask = i + 1;
      }
      if (SaysGap(s) && !courtesy) last_gap = i + 1;
      if (assumed == 0 && Assumes(s)) assumed = i + 1;
    }
    const Found found = FindAnswer();
    const bool assumption = assumed > 0 && assumed <= found.sentence + 1;
    if (!found.answer.empty()) {
      const size_t at = found.sentence + 1;
      if (last_gap <= at && last_ask <= at && !(assumption && last_gap > 0))
        return {TurnStrategy::kAnswerAttempt, found.answer};
    }
    if (assumption && questions + requests == 0 && !found.answer.empty())
      return {TurnStrategy::kHedge, ""};
    if (questions >= 2) return {TurnStrategy::kInterrogation, ""};
    if (questions + requests >= 1 && NumWords(original_) < 100)
      return {TurnStrategy::kClarification, ""};
    if (last_gap > 0) return {TurnStrategy::kRefuse, ""};
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
      return {SentenceAt(plain), std::string(Trimmed(original_.substr(at + 7, i - at - 7))), true};
    }
    return {};
  }

  Found Marked() const {
    Found found;
    for (const std::string_view mark :
         {"#### ", "answer:", "answer is", "answer is:", "answer ="}) {
      const size_t at = plain_.text.rfind(mark);
      if (at == std::string::npos) continue;
      size_t begin = at + mark.size();
      while (begin < plain_.text.size() &&
             std::isspace(static_cast<unsigned char>(plain_.text[begin])))
        ++begin;
      const size_t end = std::min(plain_.text.find('\n', begin), plain_.text.size());
      if (begin >= end) continue;
      const size_t sentence = SentenceAt(begin);
      if (!found.answer.empty() && sentence < found.sentence) continue;
      std::string answer;
      for (const Sentence& s : sentences_) {
        for (const NumberSpan& n : s.numbers) {
          if (n.begin >= begin && n.end <= end) answer = Verbatim(n);
        }
      }
      const size_t last = plain_.at[end];
      const std::string_view line =
          Trimmed(original_.substr(plain_.at[begin], last - plain_.at[begin]));
      if (line.size() <= 24) answer = std::string(line);
      if (!answer.empty()) found = {sentence, answer, true};
    }
    return found;
  }

  Found Concluded() const {
    for (size_t i = sentences_.size(); i-- > 0;) {
      const Sentence& s = sentences_[i];
      if (s.numbers.empty() || s.question) continue;
      if (Concludes(s) || s.text.find('=') != std::string_view::npos || i + 2 >= sentences_.size())
        return {i, Verbatim(s.numbers.back()), false};
    }
    return {};
  }

  Found FindAnswer() const {
    if (Found f = Boxed(); !f.answer.empty()) return f;
    if (Found f = Marked(); !f.answer.empty()) return f;
    return Concluded();
  }

  std::string_view original_;
  PlainText plain_;
  std::vector<Sentence> sentences_;
};

}  // namespace

TurnReading ReadTurn(std::string_view text) { return Reader(text).Read(); }

}  // namespace rlvr
