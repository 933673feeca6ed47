#include "env/answering_user.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace rlvr {
namespace {

bool IsStopWord(const std::string& word) {
  static const std::set<std::string> words = {
      "a",       "about",     "after",    "all",     "also",  "am",          "an",         "and",
      "any",     "are",       "as",       "ask",     "at",    "be",          "been",       "before",
      "but",     "by",        "can",      "clarify", "could", "detail",      "did",        "do",
      "does",    "else",      "for",      "from",    "get",   "give",        "had",        "happen",
      "has",     "have",      "he",       "help",    "her",   "here",        "him",        "his",
      "how",     "i",         "if",       "in",      "info",  "information", "into",       "is",
      "it",      "its",       "just",     "know",    "like",  "many",        "may",        "me",
      "mean",    "mention",   "more",     "much",    "my",    "need",        "no",         "not",
      "now",     "of",        "on",       "one",     "or",    "our",         "out",        "please",
      "problem", "provide",   "question", "s",       "say",   "she",         "should",     "so",
      "some",    "something", "specify",  "such",    "sure",  "t",           "tell",       "than",
      "thank",   "that",      "the",      "their",   "them",  "then",        "there",      "these",
      "they",    "thing",     "this",     "those",   "to",    "too",         "understand", "up",
      "us",      "was",       "we",       "were",    "what",  "when",        "where",      "which",
      "while",   "who",       "why",      "will",    "with",  "would",       "you",        "your"};
  return words.contains(word);
}

// buys, buying, bought stay three words; apples and apple, starts and start are one.
std::string Stem(std::string word) {
  const auto ends = [&](std::string_view ending, size_t keep) {
    return word.size() >= ending.size() + keep && word.ends_with(ending);
  };
  if (ends("ies", 2)) return word.substr(0, word.size() - 3) + "y";
  if (ends("sses", 1) || ends("shes", 1) || ends("ches", 1) || ends("xes", 1))
    return word.substr(0, word.size() - 2);
  if (ends("ing", 4)) return word.substr(0, word.size() - 3);
  if (ends("ed", 4)) return word.substr(0, word.size() - 2);
  if (ends("s", 2) && !ends("ss", 1) && !ends("us", 1)) word.pop_back();
  return word;
}

bool IsNumber(const std::string& word) {
  return std::isdigit(static_cast<unsigned char>(word[0])) != 0;
}

using Pairs = std::set<std::pair<std::string, std::string>>;  // word, number behind it

Pairs LabelsIn(const std::vector<std::string>& words) {
  Pairs pairs;
  for (size_t i = 1; i < words.size(); ++i)
    if (IsNumber(words[i]) && !IsNumber(words[i - 1])) pairs.emplace(words[i - 1], words[i]);
  return pairs;
}

class AnsweringUser : public User {
 public:
  explicit AnsweringUser(const UserSettings& settings) : settings_(settings) {}

  UserTurn Next(const UserContext& context) const override {
    const std::vector<std::string> questions = QuestionsIn(context.history.back().content);
    if (questions.empty()) return RevealNext(context, settings_.rephrase);
    std::string asked;
    for (const std::string& question : questions) asked += question + "\n";
    const std::vector<std::string> words = ContentWords(asked);
    if (words.empty()) {
      if (settings_.vague == "reveal") return RevealNext(context, settings_.rephrase);
      return Shrug(context);
    }
    const int shard = BestMatch(context, words);
    if (shard < 0) return Shrug(context);
    if (context.revealed[static_cast<size_t>(shard)] != 0) return {"I told you that already.", -1};
    return Reveal(context, shard, settings_.rephrase);
  }

 private:
  // A shard but the intent: of those with enough shared words the one of the greatest weight, a
  // hidden one first among equals. -1: none.
  int BestMatch(const UserContext& context, const std::vector<std::string>& asked) const {
    const size_t n = context.text.shards.size();
    std::vector<std::vector<std::string>> words(n);
    std::map<std::string, int> num_shards;  // that have the word
    std::set<std::string> labelling;        // words before numbers, of any shard
    for (size_t i = 1; i < n; ++i) {
      words[i] = ContentWords(context.text.shards[i].text);
      for (const auto& [word, number] : LabelsIn(words[i])) labelling.insert(word);
      for (const std::string& word : std::set<std::string>(words[i].begin(), words[i].end()))
        ++num_shards[word];
    }
    const std::set<std::string> distinct(asked.begin(), asked.end());
    const Pairs labels = LabelsIn(asked);
    int best = -1;
    std::pair<double, bool> best_rank{0, false};  // weight, hidden
    for (size_t i = 1; i < n; ++i) {
      const Pairs own = LabelsIn(words[i]);
      const bool differs = std::any_of(labels.begin(), labels.end(), [&](const auto& label) {
        return labelling.contains(label.first) && !own.contains(label);
      });
      if (differs) continue;
      int shared = 0;
      double weight = 0;
      for (const std::string& word : distinct) {
        if (std::find(words[i].begin(), words[i].end(), word) == words[i].end()) continue;
        ++shared;
        weight += 1.0 / num_shards[word];
      }
      const std::pair<double, bool> rank{weight, context.revealed[i] == 0};
      if (shared < settings_.overlap || !(rank > best_rank)) continue;
      best = static_cast<int>(i);
      best_rank = rank;
    }
    return best;
  }

  static UserTurn Shrug(const UserContext& context) {
    static const std::array<const char*, 4> texts = {"I don't know.", "I'm not sure about that.",
                                                     "That doesn't matter here.",
                                                     "I can't say anything about that."};
    return {texts[context.key.Bits(context.history.size()) % texts.size()], -1};
  }

  const UserSettings settings_;
};

}  // namespace

std::vector<std::string> QuestionsIn(std::string_view text) {
  std::vector<std::string> questions;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool last = i + 1 == text.size();
    const bool space_next = !last && std::isspace(static_cast<unsigned char>(text[i + 1])) != 0;
    if (text[i] == '?') {
      questions.emplace_back(text.substr(begin, i + 1 - begin));
      begin = i + 1;
    } else if (text[i] == '\n' || ((text[i] == '.' || text[i] == '!') && (last || space_next))) {
      begin = i + 1;
    }
  }
  return questions;
}

std::vector<std::string> ContentWords(std::string_view text) {
  std::vector<std::string> words;
  for (size_t i = 0; i < text.size();) {
    const auto is = [&](size_t at) {
      return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 ||
                                  static_cast<unsigned char>(text[at]) >= 0x80);
    };
    if (!is(i)) {
      ++i;
      continue;
    }
    std::string word;
    const bool number = std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    while (is(i) || (number && (text[i] == '.' || text[i] == ',') && is(i + 1))) {
      if (text[i] != ',')
        word += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
      if (++i == text.size()) break;
    }
    if (IsStopWord(word)) continue;  // "does" is no plural
    if (!number) word = Stem(std::move(word));
    if (!IsStopWord(word)) words.push_back(std::move(word));
  }
  return words;
}

std::unique_ptr<User> MakeAnsweringUser(const UserSettings& settings) {
  return std::make_unique<AnsweringUser>(settings);
}

}  // namespace rlvr
