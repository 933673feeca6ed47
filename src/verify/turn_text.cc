#include "verify/turn_text.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace rlvr {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return c >= 'a' && c <= 'z'; }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// What a typographic character stands for; the longest first where one begins with another.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kFolded = {{
    {"\xE2\x80\x99", "'"},    // right single quotation mark
    {"\xE2\x80\x98", "'"},    // left one
    {"\xE2\x80\x9C", "\""},   // left double
    {"\xE2\x80\x9D", "\""},   // right double
    {"\xE2\x80\x93", "-"},    // en dash
    {"\xE2\x80\x94", " - "},  // em dash
    {"\xE2\x88\x92", "-"},    // minus
    {"\xC2\xA0", " "},        // no-break space
    {"\xE2\x80\xAF", " "},    // narrow no-break space
    {"\xEF\xBC\x9F", "?"},    // full-width question mark
    {"\xE3\x80\x82", "."},    // ideographic full stop
    {"\xE2\x89\x88", "="},    // almost equal
    {"\\approx", "="},
    {"\\$", "$"},
    {"\\%", "%"},
    {"\r", ""},
}};

// Length of a list's mark at text[at]: "- ", "* ", "12. ", "3) ", "## ".
size_t ListMark(std::string_view text, size_t at, bool* heading) {
  size_t i = at;
  *heading = false;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) {
    ++i;
  } else if (text.substr(i).starts_with("\xE2\x80\xA2")) {  // bullet
    i += 3;
  } else if (i < text.size() && text[i] == '#') {
    while (i < text.size() && text[i] == '#') ++i;
    *heading = true;
  } else {
    while (i < text.size() && IsDigit(text[i])) ++i;
    if (i == at || i - at > 2 || i >= text.size() || (text[i] != '.' && text[i] != ')')) return 0;
    ++i;
  }
  if (i < text.size() && !IsBlank(text[i])) return 0;
  while (i < text.size() && IsBlank(text[i])) ++i;
  return i - at;
}

std::string WithoutQuotes(std::string_view s) {
  std::string out(s);
  for (size_t open = out.find('"'); open != std::string::npos;) {
    const size_t close = out.find('"', open + 1);
    const size_t end = close == std::string::npos ? out.size() : close + 1;
    std::fill(out.begin() + static_cast<int64_t>(open), out.begin() + static_cast<int64_t>(end),
              ' ');
    open = out.find('"', end);
  }
  return out;
}

std::vector<NumberSpan> FindNumbers(std::string_view text, size_t begin, size_t end) {
  std::vector<NumberSpan> found;
  for (size_t i = begin; i < end;) {
    if (text.substr(i, end - i).starts_with("\\frac{")) {
      size_t stop = i;
      for (int braces = 0; braces < 2 && stop < end;) braces += text[stop++] == '}' ? 1 : 0;
      found.push_back({i, stop});
      i = stop;
      continue;
    }
    if (!IsDigit(text[i]) || (i > begin && (IsLetter(text[i - 1]) || text[i - 1] == '_'))) {
      ++i;
      continue;
    }
    size_t first = i, last = i;
    while (last < end &&
           (IsDigit(text[last]) || ((text[last] == ',' || text[last] == '.' || text[last] == '/') &&
                                    last + 1 < end && IsDigit(text[last + 1]))))
      ++last;
    const std::string_view unit = text.substr(last, end - last);
    const bool ordinal = unit.starts_with("st") || unit.starts_with("nd") ||
                         unit.starts_with("rd") || unit.starts_with("th");
    const bool compound = unit.size() > 1 && unit[0] == '-' && IsLetter(unit[1]);
    if (ordinal || compound) {
      i = last;
      continue;
    }
    if (last < end && text[last] == '%') ++last;
    if (first > begin && text[first - 1] == '$') --first;
    if (first > begin && text[first - 1] == '-' &&
        (first - 1 == begin || IsBlank(text[first - 2]) || text[first - 2] == '='))
      --first;
    found.push_back({first, last});
    i = last;
  }
  return found;
}

}  // namespace

PlainText MakePlain(std::string_view original) {
  PlainText plain;
  bool bold = false;
  const auto add = [&](char c, size_t at) {
    plain.text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    plain.at.push_back(static_cast<uint32_t>(at));
    plain.bold.push_back(bold);
  };
  bool line_start = true;
  for (size_t i = 0; i < original.size();) {
    const std::string_view rest = original.substr(i);
    const auto* fold = std::find_if(kFolded.begin(), kFolded.end(),
                                    [&](const auto& f) { return rest.starts_with(f.first); });
    if (i == 0 || original[i - 1] == '\n') line_start = true;
    if (rest.starts_with("\n\n")) bold = false;
    if (fold != kFolded.end()) {
      for (const char c : fold->second) add(c, i);
      i += fold->first.size();
      line_start = false;
    } else if (rest.starts_with("**")) {
      bold = !bold;
      line_start = false;
      i += 2;
    } else if (original[i] == '*' || original[i] == '`') {
      // A list's mark stays one; emphasis goes.
      if (original[i] == '*' && i + 1 < original.size() && IsBlank(original[i + 1]))
        add(line_start ? '-' : '*', i);
      line_start = false;
      ++i;
    } else {
      line_start = line_start && IsBlank(original[i]);
      add(original[i], i);
      ++i;
    }
  }
  plain.at.push_back(static_cast<uint32_t>(original.size()));
  return plain;
}

std::vector<Sentence> SplitSentences(const PlainText& plain) {
  const std::string_view text = plain.text;
  std::vector<Sentence> sentences;
  bool first = true;
  const auto add = [&](size_t begin, size_t end, bool listed) {
    while (begin < end && IsBlank(text[begin])) ++begin;
    while (end > begin && IsBlank(text[end - 1])) --end;
    if (begin == end) return;
    Sentence s{.begin = begin, .end = end, .listed = listed, .first = first};
    first = false;
    s.text = text.substr(begin, end - begin);
    s.spoken = WithoutQuotes(s.text);
    const size_t last = s.spoken.find_last_not_of(" \t)_");
    s.question = last != std::string::npos && s.spoken[last] == '?';
    s.numbers = FindNumbers(text, begin, end);
    sentences.push_back(std::move(s));
  };
  for (size_t line = 0; line < text.size();) {
    const size_t stop = std::min(text.find('\n', line), text.size());
    size_t begin = line;
    while (begin < stop && IsBlank(text[begin])) ++begin;
    bool heading = false;
    const size_t mark = ListMark(text.substr(0, stop), begin, &heading);
    const bool listed = mark > 0 && !heading;
    begin += mark;
    bool quoted = false;
    first = true;
    for (size_t i = begin; i < stop; ++i) {
      if (text[i] == '"') quoted = !quoted;
      const bool ends = text[i] == '.' || text[i] == '!' || text[i] == '?';
      if (!ends || quoted) continue;
      size_t next = i + 1;
      while (next < stop && (text[next] == ')' || text[next] == '"')) ++next;
      if (next < stop && !IsBlank(text[next])) continue;
      if (i >= 3 && text[i] == '.' &&
          (text.substr(i - 3, 4) == "e.g." || text.substr(i - 2, 3) == "mr." ||
           text.substr(i - 3, 4) == "mrs." || text.substr(i - 2, 3) == "vs."))
        continue;
      add(begin, next, listed);
      begin = next;
      i = next - 1;
    }
    add(begin, stop, listed);
    line = stop + 1;
  }
  return sentences;
}

bool HasPhrase(std::string_view text, std::initializer_list<const char*> phrases) {
  for (const std::string_view phrase : phrases) {
    for (size_t at = text.find(phrase); at != std::string_view::npos;
         at = text.find(phrase, at + 1)) {
      const size_t end = at + phrase.size();
      const bool begins = at == 0 || !IsLetter(text[at - 1]) || !IsLetter(phrase.front());
      const bool ends = end == text.size() || !IsLetter(text[end]) || !IsLetter(phrase.back());
      if (begins && ends) return true;
    }
  }
  return false;
}

size_t TurnText::SentenceAt(size_t plain_position) const {
  size_t i = 0;
  while (i + 1 < sentences.size() && sentences[i + 1].begin <= plain_position) ++i;
  return i;
}

bool TurnText::IsIntroduced(size_t sentence) const {
  if (sentence == 0 || sentences[sentence].listed) return false;
  return sentences[sentence - 1].text.ends_with(':') &&
         sentences[sentence].text.find('=') == std::string_view::npos;
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

std::set<std::string> TopicWords(std::string_view text) {
  static const std::set<std::string> kFunctionWords = {
      "all",  "also", "and",  "any",  "are",   "but",   "can",  "did",   "does", "each", "every",
      "for",  "from", "get",  "got",  "had",   "has",   "have", "her",   "him",  "his",  "how",
      "its",  "many", "much", "not",  "now",   "one",   "only", "our",   "out",  "per",  "she",
      "some", "than", "that", "the",  "their", "them",  "then", "there", "they", "this", "two",
      "was",  "were", "what", "when", "where", "which", "who",  "will",  "with", "you",  "your"};
  std::set<std::string> words;
  std::string word;
  const auto finish = [&] {
    const bool function = kFunctionWords.contains(word);
    if (word.size() > 3 && word.back() == 's') word.pop_back();
    if (word.size() >= 3 && !function) words.insert(word);
    word.clear();
  };
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalpha(u) || u >= 0x80) {
      word += static_cast<char>(std::tolower(u));
    } else {
      finish();
    }
  }
  finish();
  return words;
}

}  // namespace rlvr
