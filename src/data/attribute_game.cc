#include "data/attribute_game.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>

#include "base/error.h"

namespace rlvr {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::vector<std::string> PartsOf(const std::string& text, char by) {
  std::vector<std::string> parts;
  size_t first = 0;
  for (size_t at; (at = text.find(by, first)) != std::string::npos; first = at + 1)
    parts.push_back(Trimmed(std::string_view(text).substr(first, at - first)));
  parts.push_back(Trimmed(std::string_view(text).substr(first)));
  return parts;
}

// Words of ASCII letters and digits, in lower case.
std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter && !inside) words.emplace_back();
    if (letter) words.back() += static_cast<char>(upper ? c - 'A' + 'a' : c);
    inside = letter;
  }
  return words;
}

[[noreturn]] void BadAttributes(const std::string& what) {
  throw Error("environment.attributes", what, "write \"color=red*3|blue|green; size=big|small\"");
}

std::string NamesOf(const std::vector<Attribute>& attributes) {
  std::vector<std::string> names;
  for (const auto& a : attributes) names.push_back(a.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::vector<Attribute> ParseAttributes(const std::string& text) {
  std::vector<Attribute> attributes;
  std::set<std::string> seen;
  const auto word = [&](const std::string& w) {
    const auto words = WordsOf(w);
    if (words.size() != 1 || words[0] != w)
      BadAttributes(fmt::format("'{}' is not one word in lower case", w));
    if (!seen.insert(w).second) BadAttributes(fmt::format("'{}' is there twice", w));
    return w;
  };
  for (const std::string& part : PartsOf(text, ';')) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) BadAttributes(fmt::format("'{}' has no values", part));
    Attribute attribute;
    attribute.name = word(Trimmed(std::string_view(part).substr(0, equals)));
    for (const std::string& value : PartsOf(part.substr(equals + 1), '|')) {
      const size_t star = value.find('*');
      double weight = 1;
      if (star != std::string::npos) {
        const std::string number = Trimmed(std::string_view(value).substr(star + 1));
        const auto [end, error] =
            std::from_chars(number.data(), number.data() + number.size(), weight);
        if (error != std::errc() || end != number.data() + number.size() || !(weight > 0))
          BadAttributes(fmt::format("'{}' is no weight", number));
      }
      attribute.values.push_back(word(Trimmed(std::string_view(value).substr(0, star))));
      attribute.weights.push_back(weight);
    }
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

AttributeQuestion ReadQuestion(const std::vector<Attribute>& attributes, const std::string& marker,
                               const std::string& text) {
  AttributeQuestion question;
  question.guess.resize(attributes.size());
  const size_t at = marker.empty() ? std::string::npos : text.rfind(marker);
  const bool guess = at != std::string::npos;
  std::vector<char> named(attributes.size(), 0);
  for (const auto& word : WordsOf(guess ? text.substr(at + marker.size()) : text)) {
    for (size_t i = 0; i < attributes.size(); ++i) {
      if (word == attributes[i].name) named[i] = 1;
      for (size_t v = 0; v < attributes[i].values.size(); ++v) {
        auto& values = question.guess[i];
        if (word == attributes[i].values[v] &&
            std::find(values.begin(), values.end(), v) == values.end())
          values.push_back(v);
      }
    }
  }
  using Kind = AttributeQuestion::Kind;
  if (guess) {
    question.kind = Kind::kGuess;
    return question;
  }
  size_t about = 0;
  for (size_t i = 0; i < attributes.size(); ++i) {
    if (!named[i] && question.guess[i].empty()) continue;
    question.attribute = i;
    ++about;
  }
  if (about == 1) {
    question.values = question.guess[question.attribute];
    std::sort(question.values.begin(), question.values.end());
    question.kind = question.values.empty() ? Kind::kOpen : Kind::kYesNo;
  }
  question.guess.clear();
  return question;
}

std::vector<size_t> DrawObject(const std::vector<Attribute>& attributes, RandomKey key) {
  std::vector<size_t> object;
  for (size_t i = 0; i < attributes.size(); ++i) {
    const auto& weights = attributes[i].weights;
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    double u = key.Uniform(i);
    size_t value = 0;
    while (value + 1 < weights.size() && u >= weights[value] / sum) u -= weights[value++] / sum;
    object.push_back(value);
  }
  return object;
}

std::string OracleOpening(const std::vector<Attribute>& attributes, const std::string& marker) {
  std::string text = "I am thinking of something. Find out what it is.\n";
  for (const Attribute& a : attributes)
    text += fmt::format("{}: {}\n", a.name, fmt::join(a.values, ", "));
  return text + fmt::format("Ask one question at a time. When you know, write \"{}\" and its {}.",
                            marker, NamesOf(attributes));
}

std::string OracleAnswer(const std::vector<Attribute>& attributes,
                         const std::vector<size_t>& object, const AttributeQuestion& question) {
  using Kind = AttributeQuestion::Kind;
  if (question.kind == Kind::kNothing)
    return fmt::format("Please ask about one of these: {}.", NamesOf(attributes));
  const Attribute& attribute = attributes[question.attribute];
  const size_t truth = object[question.attribute];
  if (question.kind == Kind::kOpen)
    return fmt::format("The {} is {}.", attribute.name, attribute.values[truth]);
  std::vector<std::string> names;
  bool yes = false;
  for (const size_t v : question.values) {
    names.push_back(attribute.values[v]);
    yes = yes || v == truth;
  }
  return fmt::format("{}, the {} is {}{}.", yes ? "Yes" : "No", attribute.name, yes ? "" : "not ",
                     fmt::join(names, " or "));
}

std::vector<char> ConsistentValues(const std::vector<Attribute>& attributes,
                                   const std::vector<size_t>& object,
                                   const AttributeQuestion& question) {
  const size_t truth = object[question.attribute];
  std::vector<char> consistent(attributes[question.attribute].values.size(), 0);
  if (question.kind == AttributeQuestion::Kind::kOpen) {
    consistent[truth] = 1;
    return consistent;
  }
  for (const size_t v : question.values) consistent[v] = 1;
  if (consistent[truth]) return consistent;
  for (char& c : consistent) c = !c;
  return consistent;
}

}  // namespace rlvr
