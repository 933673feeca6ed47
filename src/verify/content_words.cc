#include "verify/content_words.h"

#include <cctype>
#include <set>

namespace rlvr {
namespace {

bool IsStopWord(const std::string& word) {
  static const std::set<std::string> words = {
      "a",      "about",      "after",  "all",     "also",      "am",       "an",    "and",
      "any",    "are",        "as",     "answer",  "ask",       "at",       "be",    "been",
      "before", "but",        "by",     "can",     "cannot",    "clarify",  "could", "detail",
      "did",    "do",         "does",   "else",    "for",       "from",     "get",   "give",
      "had",    "happen",     "has",    "have",    "he",        "help",     "her",   "here",
      "him",    "his",        "how",    "i",       "if",        "in",       "info",  "information",
      "into",   "is",         "it",     "its",     "just",      "know",     "like",  "many",
      "may",    "me",         "mean",   "mention", "missing",   "more",     "much",  "my",
      "need",   "no",         "not",    "now",     "of",        "on",       "one",   "or",
      "our",    "out",        "please", "problem", "provide",   "question", "s",     "say",
      "she",    "should",     "so",     "some",    "something", "specify",  "such",  "sure",
      "t",      "tell",       "than",   "thank",   "that",      "the",      "their", "them",
      "then",   "there",      "these",  "they",    "thing",     "this",     "those", "to",
      "too",    "understand", "up",     "us",      "was",       "we",       "were",  "what",
      "when",   "where",      "which",  "while",   "who",       "why",      "will",  "with",
      "would",  "you",        "your"};
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

}  // namespace

bool IsNumberWord(const std::string& word) {
  return std::isdigit(static_cast<unsigned char>(word[0])) != 0;
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

std::vector<std::string> SentencesIn(std::string_view text) {
  std::vector<std::string> sentences;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool last = i + 1 == text.size();
    const bool space_next = !last && std::isspace(static_cast<unsigned char>(text[i + 1])) != 0;
    const bool end = text[i] == '\n' || text[i] == '?' ||
                     ((text[i] == '.' || text[i] == '!') && (last || space_next));
    if (!end && !last) continue;
    sentences.emplace_back(text.substr(begin, i + 1 - begin));
    begin = i + 1;
  }
  return sentences;
}

std::vector<std::string> QuestionsIn(std::string_view text) {
  std::vector<std::string> questions = SentencesIn(text);
  std::erase_if(questions, [](const std::string& s) { return s.back() != '?'; });
  return questions;
}

}  // namespace rlvr
