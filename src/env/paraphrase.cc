// The rephrasing user's words: the data's, or by rules that leave numbers and names alone.
#include <array>
#include <cctype>
#include <set>

#include "env/user.h"

namespace rlvr {
namespace {

constexpr uint64_t kOpening = 0, kEnding = 1, kWords = 2;  // positions of the key

struct WordPair {
  std::string_view from, to;
};
// Whole words, both ways round: as the key has it, one or the other is used.
constexpr std::array<WordPair, 16> kSameMeaning = {{{"buys", "purchases"},
                                                    {"bought", "purchased"},
                                                    {"starts", "begins"},
                                                    {"started", "began"},
                                                    {"needs", "requires"},
                                                    {"needed", "required"},
                                                    {"children", "kids"},
                                                    {"big", "large"},
                                                    {"small", "little"},
                                                    {"entire", "whole"},
                                                    {"receives", "gets"},
                                                    {"throws away", "discards"},
                                                    {"does not", "doesn't"},
                                                    {"is not", "isn't"},
                                                    {"it is", "it's"},
                                                    {"altogether", "in total"}}};

bool WordByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '\'' || c == '-' ||
         static_cast<unsigned char>(c) >= 0x80;
}

size_t FindWord(const std::string& text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !WordByte(text[at - 1])) && (end == text.size() || !WordByte(text[end])))
      return at;
  }
  return std::string::npos;
}

// A first word that is no name and may lose its capital.
bool OpensWithPlainWord(std::string_view text) {
  static const std::set<std::string_view> plain = {
      "A",     "After", "All",   "An",   "At",   "Each", "Every", "For",   "He",   "Her",
      "His",   "How",   "If",    "In",   "It",   "Its",  "On",    "She",   "Some", "The",
      "Their", "Then",  "There", "They", "This", "What", "When",  "Which", "You",  "Your"};
  const size_t end = text.find_first_of(" ,.'");
  return plain.contains(text.substr(0, end));
}

}  // namespace

std::string Paraphrase(std::string_view original, RandomKey key) {
  std::string text(original);
  for (size_t i = 0; i < kSameMeaning.size(); ++i) {
    const uint64_t bits = key.Bits(kWords + i);
    const auto& [a, b] = kSameMeaning[i];
    if ((bits & 1) == 0) continue;
    if (const size_t at = FindWord(text, a); at != std::string::npos) {
      text.replace(at, a.size(), b);
    } else if (const size_t other = FindWord(text, b); other != std::string::npos) {
      text.replace(other, b.size(), a);
    }
  }
  static constexpr std::array<std::string_view, 7> openings = {
      "",         "By the way, ",     "Just so you know, ",
      "Oh, and ", "One more thing: ", "I forgot to say: ",
      "Also, "};
  const std::string_view opening = openings[key.Bits(kOpening) % openings.size()];
  if (!opening.empty() && OpensWithPlainWord(text))
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  text.insert(0, opening);
  static constexpr std::array<std::string_view, 4> endings = {"", "", ", if that helps",
                                                              ", I think"};
  const std::string_view ending = endings[key.Bits(kEnding) % endings.size()];
  if (text.ends_with('.')) text.insert(text.size() - 1, ending);
  return text;
}

std::string RephraseShard(const Shard& shard, RandomKey key) {
  const RandomKey own = key[static_cast<uint64_t>(shard.id)];
  if (shard.paraphrases.empty()) return Paraphrase(shard.text, own);
  return shard.paraphrases[own.Bits(0) % shard.paraphrases.size()];
}

}  // namespace rlvr
