#include "data/gsm_micro_shards.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <regex>
#include <set>

namespace rlvr {
namespace {

// What a reader makes of the texts: the start, one operation a day, the last day asked for. Written
// from the English, apart from the generator.
struct Reading {
  std::optional<double> start;
  std::map<int, std::function<double(double)>> days;
  int asked = 0;
};

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
    text.replace(at, what.size(), with);
  return text;
}

// @ is the owner, # the item.
void ReadSentence(const std::string& text, Reading* r) {
  static const std::regex intent("How many # does @ have after day (\\d+)\\?"),
      start("(?:@ starts with|At the start @ has) (\\d+) #\\."), dated("On day (\\d+) (.*)\\."),
      more("(?:@ buys|@ finds|[A-Z][a-z]+ gives @) (\\d+) #"),
      less("@ (?:loses|sells|gives) (\\d+) #(?: to [A-Z][a-z]+)?"),
      times("@ has (\\d+) times (?:as many|the) #"),
      part(
          "@ (?:puts the # in (\\d+) equal boxes and keeps one box|has one of (\\d+) equal "
          "boxes of the #)");
  std::smatch m;
  if (std::regex_match(text, m, intent)) {
    r->asked = std::stoi(m[1]);
  } else if (std::regex_match(text, m, start)) {
    r->start = std::stod(m[1]);
  } else if (std::regex_match(text, m, dated)) {
    const int day = std::stoi(m[1]);
    const std::string what = m[2];
    std::smatch w;
    if (std::regex_match(what, w, more)) {
      r->days[day] = [n = std::stod(w[1])](double v) { return v + n; };
    } else if (std::regex_match(what, w, less)) {
      r->days[day] = [n = std::stod(w[1])](double v) { return v - n; };
    } else if (what == "@ doubles the #") {
      r->days[day] = [](double v) { return v * 2; };
    } else if (what == "@ triples the #") {
      r->days[day] = [](double v) { return v * 3; };
    } else if (std::regex_match(what, w, times)) {
      r->days[day] = [n = std::stod(w[1])](double v) { return v * n; };
    } else if (what == "@ keeps half of the #") {
      r->days[day] = [](double v) { return v / 2; };
    } else if (std::regex_match(what, w, part)) {
      const double n = std::stod(w[1].matched ? w[1] : w[2]);
      r->days[day] = [n](double v) { return v / n; };
    } else {
      ADD_FAILURE() << "cannot read: " << text;
    }
  }  // else it says nothing about the owner's items
}

Reading Read(const std::vector<std::string>& texts, const ShardedGsmMicro& p) {
  Reading r;
  for (const auto& t : texts) {
    ReadSentence(Replaced(Replaced(t, p.owner, "@"), p.item, "#"), &r);
  }
  return r;
}

// nullopt: something is missing.
std::optional<double> Solve(const Reading& r) {
  if (!r.start.has_value()) return std::nullopt;
  double value = *r.start;
  for (int day = 1; day <= r.asked; ++day) {
    const auto it = r.days.find(day);
    if (it == r.days.end()) return std::nullopt;
    value = it->second(value);
  }
  return value;
}

std::vector<std::string> SentencesOf(const std::string& question) {
  std::vector<std::string> sentences;
  const std::regex sentence("[^.?]+[.?]");
  for (std::sregex_iterator it(question.begin(), question.end(), sentence), end; it != end; ++it) {
    std::string s = it->str();
    sentences.push_back(s.substr(s.find_first_not_of(' ')));
  }
  return sentences;
}

TEST(ShardedGsmMicro, TheWholeIsAnswerableAndNothingRequiredCanBeMissed) {
  for (int64_t i = 0; i < 300; ++i) {
    const ShardedGsmMicro p = MakeShardedGsmMicro({}, 3, Split::kTrain, i);
    // FULL, its shards in their order, and every paraphrase say the same.
    const Reading full = Read(SentencesOf(p.text.question), p);
    ASSERT_EQ(Solve(full), static_cast<double>(p.answer)) << p.text.question;
    std::vector<std::string> texts = TextsOf(p.text.shards);
    ASSERT_EQ(Solve(Read(texts, p)), static_cast<double>(p.answer));
    for (size_t s = 0; s < texts.size(); ++s) {
      for (const auto& paraphrase : p.text.shards[s].paraphrases) {
        auto other = texts;
        other[s] = paraphrase;
        EXPECT_EQ(Solve(Read(other, p)), static_cast<double>(p.answer)) << paraphrase;
      }
    }
    // Without a required shard two completions have two answers; without another one nothing
    // changes.
    for (size_t s = 1; s < texts.size(); ++s) {
      auto fewer = texts;
      fewer.erase(fewer.begin() + static_cast<int64_t>(s));
      const Reading rest = Read(fewer, p);
      if (!p.text.shards[s].required) {
        EXPECT_EQ(Solve(rest), static_cast<double>(p.answer));
        continue;
      }
      EXPECT_FALSE(Solve(rest).has_value());
      Reading one = rest, two = rest;
      const int day = p.day[s];
      if (day == 0) {
        one.start = 3;
        two.start = 4;
      } else {
        one.days[day] = [](double v) { return v + 3; };
        two.days[day] = [](double v) { return v + 4; };
      }
      EXPECT_NE(Solve(one).value(), Solve(two).value());
    }
  }
}

TEST(ShardedGsmMicro, ShardsKnowTheirPlace) {
  int with_distractor = 0, in_order = 0;
  constexpr int kProblems = 1000;
  for (int64_t i = 0; i < kProblems; ++i) {
    const ShardedGsmMicro p = MakeShardedGsmMicro({.max_steps = 4}, 1, Split::kTest, i);
    ASSERT_EQ(p.text.shards.size(), p.day.size());
    EXPECT_EQ(p.day[0], kIntentDay);
    EXPECT_NE(p.text.shards[0].text.find('?'), std::string::npos);
    std::multiset<int> days(p.day.begin() + 1, p.day.end());
    for (int d = 0; d <= static_cast<int>(p.steps.size()); ++d) EXPECT_EQ(days.count(d), 1u);
    EXPECT_EQ(days.count(kDistractorDay), p.distractor >= 0 ? 1u : 0u);
    for (size_t s = 0; s < p.day.size(); ++s) {
      EXPECT_EQ(p.text.shards[s].id, static_cast<int>(s) + 1);
      EXPECT_EQ(p.text.shards[s].required, p.day[s] != kDistractorDay);
      EXPECT_NE(p.text.question.find(p.text.shards[s].text), std::string::npos);
    }
    with_distractor += p.distractor >= 0;
    in_order += std::is_sorted(p.day.begin() + 1, p.day.end());
  }
  EXPECT_NEAR(with_distractor, 0.3 * kProblems, 60);
  EXPECT_LT(in_order, kProblems / 2);  // told in pieces they come in any order
}

TEST(ShardedGsmMicro, SplitsShareNoProblemAndArePlainOnes) {
  const auto mathematics = [](const std::vector<GsmMicroStep>& steps) {
    std::string s;
    for (const auto& step : steps)
      s += std::to_string(step.left) + step.op + std::to_string(step.right) + ";";
    return s;
  };
  std::set<std::string> train, validation;
  for (int64_t i = 0; i < 3000; ++i) {
    train.insert(mathematics(MakeShardedGsmMicro({}, 1, Split::kTrain, i).steps));
    train.insert(mathematics(MakeGsmMicro({}, 1, Split::kTrain, i).steps));
  }
  for (int64_t i = 0; i < 1000; ++i) {
    validation.insert(mathematics(MakeShardedGsmMicro({}, 2, Split::kValidation, i).steps));
  }
  for (const auto& m : validation) EXPECT_FALSE(train.count(m)) << m;
  for (int64_t i = 0; i < 1000; ++i) {
    const auto m = mathematics(MakeShardedGsmMicro({}, 1, Split::kTest, i).steps);
    EXPECT_TRUE(!train.count(m) && !validation.count(m)) << m;
  }
}

TEST(ShardedGsmMicro, SolutionsByHand) {
  ShardedGsmMicro p;
  p.steps = {{7, 5, 12, '+'}, {12, 3, 36, '*'}};
  p.answer = 36;
  p.owner = "Tom";
  p.item = "pens";
  EXPECT_EQ(DatedSolution(p), "Day 1: 7+5=12\nDay 2: 12*3=36\nAnswer: 36");
  EXPECT_EQ(AskAbout(p, 0), "How many pens does Tom start with?");
  EXPECT_EQ(AskAbout(p, 2), "What happens on day 2?");
  Random random(RandomKey(3));
  int right = 0;
  for (int i = 0; i < 2000; ++i) right += SloppyDatedSolution(p, random).ends_with("Answer: 36");
  EXPECT_GT(right, 20);  // a guess now and then
  EXPECT_LT(right, 300);
}

TEST(ShardedGsmMicro, AsPrompts) {
  const auto source =
      OpenPrompts("gsm_micro:shards=true,max_steps=3,train_size=40", Split::kTrain, 5);
  const auto plain = OpenPrompts("gsm_micro:max_steps=3,train_size=40", Split::kTrain, 5);
  for (int64_t i = 0; i < source->size(); ++i) {
    const Prompt p = source->Get(i);
    const ShardedText text = ReadShards(p).value();
    EXPECT_EQ(p.data_source, "gsm_micro");
    EXPECT_EQ(p.messages[0].second, text.question);
    EXPECT_TRUE(p.target.ends_with("Answer: " + p.ground_truth)) << p.target;
    EXPECT_TRUE(HoldsAllNumbers(ConcatText(TextsOf(text.shards)), text.question));
    EXPECT_FALSE(ReadShards(plain->Get(i)).has_value());
  }
}

}  // namespace
}  // namespace rlvr
