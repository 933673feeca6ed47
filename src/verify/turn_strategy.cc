#include "verify/turn_strategy.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "verify/turn_answer.h"
#include "verify/turn_phrases.h"
#include "verify/turn_text.h"

namespace rlvr {
namespace {

// An answer that is not firm does not stand so many sentences behind the last one that says that
// something is missing.
constexpr size_t kNearGap = 4;

struct Counts {
  int questions = 0, requests = 0;
  int listed_asks = 0;     // items of lists of what is asked for
  bool list_open = false;  // such a list may go on
  bool working = false;    // calculates something
  bool cannot = false;     // says so outright
  // 1 + the sentence's index; 0: none.
  size_t last_gap = 0, last_question = 0, last_request = 0, last_taken_back = 0, last_objection = 0,
         first_assumption = 0;
};

class Reader {
 public:
  Reader(std::string_view turn, std::string_view request) : turn_(turn), request_(request) {}

  TurnReading Read() const {
    const std::vector<Sentence>& sentences = turn_.sentences;
    if (std::none_of(turn_.plain.text.begin(), turn_.plain.text.end(),
                     [](unsigned char c) { return std::isalnum(c) || c >= 0x80; }))
      return {TurnStrategy::kMissing, ""};
    // A word alone, cut off or not, says nothing.
    if (NumWords(turn_.original) == 1 && sentences.size() == 1 && sentences[0].numbers.empty() &&
        !sentences[0].question && turn_.original.find("\\boxed") == std::string_view::npos)
      return {TurnStrategy::kMissing, ""};
    Counts c;
    for (size_t i = 0; i < sentences.size(); ++i) Count(i, &c);
    const FoundAnswer found = FindAnswer(turn_);
    const bool assumed = c.first_assumption > 0 && c.first_assumption <= found.sentence + 1;
    if (!found.text.empty() && Stands(found, c) && !(assumed && c.last_gap > 0))
      return {TurnStrategy::kAnswerAttempt, found.text};
    const int asks = c.questions + c.requests;
    if (asks == 0 && (found.several || (assumed && !found.text.empty())))
      return {TurnStrategy::kHedge, ""};
    if (c.cannot && !c.working && c.questions == 0) return {TurnStrategy::kRefuse, ""};
    if (c.questions >= 2 || (asks >= 1 && c.listed_asks >= 2))
      return {c.working ? TurnStrategy::kDiscussion : TurnStrategy::kInterrogation, ""};
    if (asks >= 1 && NumWords(turn_.original) < 100) return {TurnStrategy::kClarification, ""};
    if (c.last_gap > 0 && c.last_gap + 2 >= sentences.size() && !c.working)
      return {TurnStrategy::kRefuse, ""};
    return {TurnStrategy::kDiscussion, ""};
  }

 private:
  void Count(size_t i, Counts* c) const {
    const Sentence& s = turn_.sentences[i];
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
    if (Objects(s)) c->last_objection = i + 1;
    if (SaysCannot(s)) c->cannot = true;
    const bool asks = s.question || Requests(s);
    if ((asks || SaysGap(s)) && s.text.back() == ':' && !example) c->list_open = true;
    if (!asks || Repeats(s)) return;
    ++(s.question ? c->questions : c->requests);
    (s.question && Offers(s) ? c->last_question : c->last_request) = i + 1;
  }

  // A sentence of the request, said again, perhaps behind a title ("Problem 1: ").
  bool Repeats(const Sentence& s) const {
    const auto words = [](std::string_view text) {
      return text.substr(0, text.find_last_not_of("?.! ") + 1);
    };
    const size_t title = s.text.rfind(": ");
    const std::string_view rest =
        words(title == std::string_view::npos ? s.text : s.text.substr(title + 2));
    return std::any_of(request_.sentences.begin(), request_.sentences.end(),
                       [&](const Sentence& said) {
                         return words(said.text) == words(s.text) || words(said.text) == rest;
                       });
  }

  // Nothing after the answer takes it back or waits for something, and where something was said to be
  // missing before, the answer is not that of a part.
  bool Stands(const FoundAnswer& found, const Counts& c) const {
    const size_t at = found.sentence + 1;
    if (c.last_gap > at || c.last_request > at || c.last_taken_back > at) return false;
    if (found.firm) return true;
    if (c.last_question > at || c.last_objection > at) return false;
    if (c.last_gap == 0) return true;
    return (found.bold || c.last_gap + kNearGap < at) && IsAbout(found.sentence);
  }

  // Has half of the words that the request asks about, or nobody knows what it asks.
  bool IsAbout(size_t sentence) const {
    const std::set<std::string> asked = Asked();
    std::set<std::string> words = TopicWords(turn_.sentences[sentence].text);
    if (turn_.IsIntroduced(sentence)) words.merge(TopicWords(turn_.sentences[sentence - 1].text));
    const auto shared = std::count_if(asked.begin(), asked.end(),
                                      [&](const std::string& w) { return words.contains(w); });
    return 2 * static_cast<size_t>(shared) >= asked.size();
  }

  // Of the request's questions. What a request without one wants, nobody knows.
  std::set<std::string> Asked() const {
    std::set<std::string> asked;
    for (const Sentence& s : request_.sentences)
      if (s.question) asked.merge(TopicWords(s.text));
    return asked;
  }

  TurnText turn_, request_;
};

}  // namespace

TurnReading ReadTurn(std::string_view text, std::string_view request) {
  return Reader(text, request).Read();
}

}  // namespace rlvr
