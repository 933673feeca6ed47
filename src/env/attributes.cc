#include "env/attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
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

AttributesEnvironment::AttributesEnvironment(const AttributesSettings& settings, double correct,
                                             double wrong)
    : settings_(settings),
      correct_(correct),
      wrong_(wrong),
      attributes_(ParseAttributes(settings.attributes)) {
  std::vector<std::vector<double>> weights;
  for (const auto& a : attributes_) weights.push_back(a.weights);
  belief_ = BeliefFrom(weights);
  bits_at_start_ = EntropyBits(belief_);
}

std::vector<Message> AttributesEnvironment::Reset(const Prompt&, RandomKey group, RandomKey) {
  std::string text = "I am thinking of something. Find out what it is.\n";
  for (size_t i = 0; i < attributes_.size(); ++i) {
    const auto& p = belief_.p[i];
    double u = group.Uniform(i);
    size_t value = 0;
    while (value + 1 < p.size() && u >= p[value]) u -= p[value++];
    object_.push_back(value);
    text += fmt::format("{}: {}\n", attributes_[i].name, fmt::join(attributes_[i].values, ", "));
  }
  text += fmt::format("Ask one question at a time. When you know, write \"{}\" and its {}.",
                      settings_.marker, NamesOf(attributes_));
  return {{"user", text}};
}

// The oracle's answer, which the belief takes in.
std::string AttributesEnvironment::Answer(const AttributeQuestion& question) {
  using Kind = AttributeQuestion::Kind;
  if (question.kind == Kind::kNothing)
    return fmt::format("Please ask about one of these: {}.", NamesOf(attributes_));
  const Attribute& attribute = attributes_[question.attribute];
  const size_t truth = object_[question.attribute];
  std::vector<char> consistent(attribute.values.size(), 0);
  if (question.kind == Kind::kOpen) {
    consistent[truth] = 1;
    Constrain(question.attribute, consistent, &belief_);
    return fmt::format("The {} is {}.", attribute.name, attribute.values[truth]);
  }
  std::vector<std::string> names;
  bool yes = false;
  for (const size_t v : question.values) {
    names.push_back(attribute.values[v]);
    consistent[v] = 1;
    yes = yes || v == truth;
  }
  if (!yes) {
    for (char& c : consistent) c = !c;
  }
  Constrain(question.attribute, consistent, &belief_);
  return fmt::format("{}, the {} is {}{}.", yes ? "Yes" : "No", attribute.name, yes ? "" : "not ",
                     fmt::join(names, " or "));
}

Reply AttributesEnvironment::Step(const PolicyTurn& turn) {
  using Kind = AttributeQuestion::Kind;
  const AttributeQuestion question = ReadQuestion(attributes_, settings_.marker, turn.text);
  Reply reply;
  const bool known = EntropyBits(belief_) == 0;
  reply.outcome.illocution = known ? Illocution::kSpecified : Illocution::kUnderspecified;
  if (question.kind == Kind::kGuess) {
    std::vector<std::string> words;
    right_ = true;
    for (size_t i = 0; i < attributes_.size(); ++i) {
      right_ = right_ && question.guess[i] == std::vector<size_t>{object_[i]};
      for (const size_t v : question.guess[i]) words.push_back(attributes_[i].values[v]);
    }
    guess_ = fmt::format("{}", fmt::join(words, " "));
    reply.done = true;
    reply.outcome.strategy = TurnStrategy::kAnswerAttempt;
    reply.outcome.right = right_;
    return reply;
  }
  const Belief before = belief_;
  reply.messages = {{"user", Answer(question)}};
  const double gain = InformationGain(before, belief_);
  double resolved = 0;
  for (size_t i = 0; i < attributes_.size(); ++i)
    resolved += EntropyBits(before, i) > 0 && EntropyBits(belief_, i) == 0;
  if (settings_.turn_reward == "gain")
    reply.outcome.reward = static_cast<float>(settings_.coefficient * gain);
  if (settings_.turn_reward == "resolved")
    reply.outcome.reward = static_cast<float>(settings_.coefficient * resolved);
  if (Trimmed(turn.text).empty()) {
    reply.outcome.strategy = TurnStrategy::kMissing;
  } else {
    reply.outcome.strategy =
        question.kind == Kind::kNothing ? TurnStrategy::kDiscussion : TurnStrategy::kClarification;
  }
  ++questions_;
  useless_ += gain == 0;
  return reply;
}

ConversationResult AttributesEnvironment::End(Finish) {
  ConversationResult result;
  result.verdict = right_ ? Verdict::kRight : Verdict::kWrong;
  result.answer = guess_;
  result.score = static_cast<float>(right_ ? correct_ : wrong_);
  result.metrics = {{"bits_left", EntropyBits(belief_)},
                    {"bits_gained", bits_at_start_ - EntropyBits(belief_)},
                    {"questions", questions_},
                    {"useless_questions", useless_}};
  return result;
}

namespace {

class AttributesMaker : public EnvironmentMaker {
 public:
  AttributesMaker(const AttributesSettings& settings, const EnvironmentServices& services)
      : settings_(settings), correct_(services.correct), wrong_(services.wrong) {
    ParseAttributes(settings_.attributes);  // errors come before the first conversation
  }
  std::unique_ptr<Environment> Make() override {
    return std::make_unique<AttributesEnvironment>(settings_, correct_, wrong_);
  }

 private:
  AttributesSettings settings_;
  double correct_, wrong_;
};

}  // namespace

std::unique_ptr<EnvironmentMaker> MakeAttributes(const AttributesSettings& settings,
                                                 const EnvironmentServices& services) {
  return std::make_unique<AttributesMaker>(settings, services);
}

}  // namespace rlvr
