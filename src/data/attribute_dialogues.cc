#include "data/attribute_dialogues.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace rlvr {
namespace {

constexpr uint64_t kObjectKey = 1, kAskerKey = 2;

class Asker {
 public:
  Asker(const std::vector<Attribute>& attributes, const AttributeDialogueOptions& options,
        bool careful, Random* random)
      : attributes_(attributes), options_(options), careful_(careful), random_(*random) {
    for (const Attribute& a : attributes) possible_.emplace_back(a.values.size(), 1);
  }

  bool Guesses() { return Which(true).empty() ? !Habit(options_.known) : Habit(options_.early); }

  std::string Ask() {
    if (Habit(options_.vague))
      return random_.Choice(std::vector<std::string>{"What is it?", "Tell me more."});
    const std::vector<size_t> unknown = Which(true), known = Which(false);
    const bool repeat = unknown.empty() || (!known.empty() && Habit(options_.known));
    const size_t i = random_.Choice(repeat ? known : unknown);
    const Attribute& a = attributes_[i];
    if (!Habit(options_.narrow)) return fmt::format("What is the {}?", a.name);
    std::vector<std::string> values = a.values;
    random_.Shuffle(values);
    values.resize(std::min<size_t>(values.size(), random_.Uniform() < 0.3 ? 2 : 1));
    return fmt::format("Is the {} {}?", a.name, fmt::join(values, " or "));
  }

  void Learn(size_t attribute, const std::vector<char>& consistent) {
    for (size_t v = 0; v < consistent.size(); ++v) possible_[attribute][v] &= consistent[v];
  }

  std::string Guess() {
    std::vector<std::string> words;
    for (size_t i = 0; i < attributes_.size(); ++i) {
      std::vector<std::string> values;
      for (size_t v = 0; v < possible_[i].size(); ++v) {
        if (possible_[i][v]) values.push_back(attributes_[i].values[v]);
      }
      words.push_back(random_.Choice(values));
    }
    if (words.size() > 1 && Habit(options_.forget))
      words.erase(words.begin() + random_.Int(0, static_cast<int64_t>(words.size()) - 1));
    return fmt::format("{} {}", kDefaultMarker, fmt::join(words, " "));
  }

 private:
  bool Habit(double chance) { return !careful_ && random_.Uniform() < chance; }
  // Attributes of which more than one value is left, or the others.
  std::vector<size_t> Which(bool unknown) const {
    std::vector<size_t> which;
    for (size_t i = 0; i < possible_.size(); ++i) {
      const auto left = std::count(possible_[i].begin(), possible_[i].end(), 1);
      if ((left > 1) == unknown) which.push_back(i);
    }
    return which;
  }

  const std::vector<Attribute>& attributes_;
  const AttributeDialogueOptions& options_;
  bool careful_;
  Random& random_;
  std::vector<std::vector<char>> possible_;  // [attributes][values]
};

}  // namespace

AttributeDialogue MakeAttributeDialogue(const std::vector<Attribute>& attributes,
                                        const AttributeDialogueOptions& options, double careful,
                                        RandomKey key) {
  AttributeDialogue dialogue;
  dialogue.object = DrawObject(attributes, key[kObjectKey]);
  Random random(key[kAskerKey]);
  dialogue.careful = random.Uniform() < careful;
  Asker asker(attributes, options, dialogue.careful, &random);
  dialogue.messages = {{"user", OracleOpening(attributes, kDefaultMarker)}};
  for (int turn = 1; turn < options.turns && !asker.Guesses(); ++turn) {
    const std::string text = asker.Ask();
    const AttributeQuestion question = ReadQuestion(attributes, kDefaultMarker, text);
    if (question.kind != AttributeQuestion::Kind::kNothing)
      asker.Learn(question.attribute, ConsistentValues(attributes, dialogue.object, question));
    dialogue.messages.emplace_back("assistant", text);
    dialogue.messages.emplace_back("user", OracleAnswer(attributes, dialogue.object, question));
  }
  dialogue.messages.emplace_back("assistant", asker.Guess());
  return dialogue;
}

}  // namespace rlvr
