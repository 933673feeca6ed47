#include "env/answering_user.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "verify/content_words.h"

namespace rlvr {
namespace {

using Pairs = std::set<std::pair<std::string, std::string>>;  // word, number behind it

Pairs LabelsIn(const std::vector<std::string>& words) {
  Pairs pairs;
  for (size_t i = 1; i < words.size(); ++i)
    if (IsNumberWord(words[i]) && !IsNumberWord(words[i - 1]))
      pairs.emplace(words[i - 1], words[i]);
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

std::unique_ptr<User> MakeAnsweringUser(const UserSettings& settings) {
  return std::make_unique<AnsweringUser>(settings);
}

}  // namespace rlvr
