// Sentences and the Treebank's words: English, by rules.
#include <set>

#include "verify/instructions/instruction_text.h"

namespace rlvr {
namespace {

// Never the end of a sentence, whatever follows.
const std::set<std::string>& Titles() {
  static const std::set<std::string> titles = {
      "adm", "capt", "cmdr", "col", "dr",   "fig",  "gen", "gov", "hon", "lt",  "maj", "messrs",
      "mr",  "mrs",  "ms",   "mt",  "pres", "prof", "rep", "rev", "sen", "sgt", "st",  "vs"};
  return titles;
}

// May end a sentence; then one of the words below begins the next.
const std::set<std::string>& Abbreviations() {
  static const std::set<std::string> abbreviations = {
      "a.m",  "apr",  "aug", "ave", "b.c", "bros", "c.o",  "calif", "co",  "conn",
      "corp", "d.c",  "dec", "e.g", "feb", "fla",  "i.e",  "inc",   "jan", "jr",
      "ltd",  "mass", "n.j", "n.y", "nov", "oct",  "p.m",  "ph.d",  "ore", "pa",
      "sept", "sr",   "u.k", "u.n", "u.s", "va",   "wash", "m.d",   "w.va"};
  return abbreviations;
}

// Words that begin sentences, and hardly ever are names.
const std::set<std::string>& Starters() {
  static const std::set<std::string> starters = {
      "a",       "about", "after", "all",     "also",    "although", "an",     "and",     "any",
      "are",     "as",    "at",    "because", "before",  "both",     "but",    "by",      "can",
      "could",   "did",   "do",    "does",    "each",    "even",     "every",  "first",   "for",
      "from",    "had",   "has",   "have",    "he",      "her",      "here",   "his",     "how",
      "however", "i",     "if",    "in",      "into",    "is",       "it",     "its",     "just",
      "last",    "let",   "like",  "many",    "may",     "more",     "most",   "my",      "new",
      "next",    "no",    "not",   "now",     "of",      "on",       "once",   "one",     "only",
      "or",      "other", "our",   "over",    "perhaps", "please",   "second", "she",     "should",
      "since",   "so",    "some",  "still",   "such",    "than",     "that",   "the",     "their",
      "then",    "there", "these", "they",    "this",    "those",    "though", "through", "to",
      "two",     "under", "until", "up",      "was",     "we",       "well",   "were",    "what",
      "when",    "where", "which", "while",   "who",     "why",      "will",   "with",    "would",
      "yes",     "yet",   "you",   "your"};
  return starters;
}

bool IsOneOf(char32_t c, std::u32string_view set) {
  return set.find(c) != std::u32string_view::npos;
}

constexpr std::u32string_view kAfterEnd = U")\";}]*:@'({[?!";  // may follow the end of a sentence
constexpr std::u32string_view kClosing = U"\"')]}";            // belong to the sentence before

bool IsNumber(std::u32string_view word) {
  bool digit = false;
  for (const char32_t c : word) {
    if (c >= '0' && c <= '9')
      digit = true;
    else if (!IsOneOf(c, U"-.,"))
      return false;
  }
  return digit;
}

// Whether the period at the end of `word` ends a sentence before `next`.
bool EndsAtPeriod(std::u32string_view word, std::u32string_view next) {
  while (!next.empty() && !IsWordCharacter(next.front())) next.remove_prefix(1);
  while (!next.empty() && !IsWordCharacter(next.back())) next.remove_suffix(1);
  const bool lower = !next.empty() && AllLowerCase(next.substr(0, 1));
  const bool upper = !next.empty() && AllUpperCase(next.substr(0, 1));
  const bool starter =
      upper && Starters().count(Utf8(LowerCase(next.substr(0, next.find(U'\''))))) != 0;
  while (!word.empty() && !IsWordCharacter(word.front()) && word.front() != '.')
    word.remove_prefix(1);
  if (word.ends_with(U"..")) return starter;
  word.remove_suffix(1);
  const std::string plain = Utf8(LowerCase(word));
  if (Titles().count(plain) != 0) return false;
  if (Abbreviations().count(plain) != 0) return starter;
  if (IsNumber(word)) return !lower;
  if (word.size() == 1 && IsWordCharacter(word[0])) return starter;
  return true;
}

}  // namespace

int64_t CountSentences(std::u32string_view text) {
  text = TrimBlanks(text);
  int64_t count = 0;
  bool open = false;  // something stands after the last end
  for (size_t begin = 0; begin < text.size();) {
    if (IsBlank(text[begin])) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && !IsBlank(text[end])) ++end;
    size_t next = end;
    while (next < text.size() && IsBlank(text[next])) ++next;
    // The last mark of the run that something may follow.
    size_t mark = end;
    for (size_t i = end; i-- > begin;) {
      if (!IsOneOf(text[i], U".?!")) continue;
      const bool before_blank = i + 1 == end && next < text.size();
      if (!before_blank && !(i + 1 < end && IsOneOf(text[i + 1], kAfterEnd))) continue;
      mark = i;
      break;
    }
    open = true;
    if (mark < end) {
      size_t next_end = next;
      while (next_end < text.size() && !IsBlank(text[next_end])) ++next_end;
      const bool ends = text[mark] != '.' || EndsAtPeriod(text.substr(begin, mark + 1 - begin),
                                                          text.substr(next, next_end - next));
      if (ends) {
        ++count;
        size_t rest = mark + 1;
        while (rest < end && IsOneOf(text[rest], kClosing)) ++rest;
        open = rest < end;
      }
    }
    begin = end;
  }
  return count + (open ? 1 : 0);
}

int64_t CountCapitalWords(std::u32string_view text) {
  int64_t count = 0;
  std::u32string word;
  const auto finish = [&] {
    if (!word.empty()) {
      // DON'T is DO and N'T; IT'S, WE'LL are two as well.
      const size_t apostrophe = word.find(U'\'');
      const std::u32string lower = LowerCase(word);
      int64_t parts = 1;
      if (apostrophe != std::u32string::npos && apostrophe > 0) {
        const std::u32string_view tail = std::u32string_view(lower).substr(apostrophe);
        if (tail == U"'s" || tail == U"'m" || tail == U"'d" || tail == U"'ll" || tail == U"'re" ||
            tail == U"'ve")
          parts = 2;
        if (tail == U"'t" && apostrophe > 1 && lower[apostrophe - 1] == 'n') parts = 2;
      }
      for (const std::u32string_view pair :
           {U"cannot", U"gimme", U"gonna", U"gotta", U"lemme", U"wanna"})
        if (lower == pair) parts = 2;
      if (AllUpperCase(word)) count += parts;
    }
    word.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const char32_t after = i + 1 < text.size() ? text[i + 1] : U' ';
    const bool before_digit = after >= '0' && after <= '9';
    const bool apart = IsBlank(c) || IsOneOf(c, U"\"?!()[]{}<>;@#$%&«»“”‘’„") ||
                       (IsOneOf(c, U",:") && !before_digit) || (c == '.' && after == '.') ||
                       (c == '-' && after == '-');
    if (apart) {
      finish();
      if (c == '.' || c == '-')
        while (i + 1 < text.size() && text[i + 1] == c) ++i;
      continue;
    }
    // A quotation mark before a word is no part of it.
    if (c == '\'' && word.empty()) continue;
    word.push_back(c);
  }
  finish();
  return count;
}

}  // namespace rlvr
