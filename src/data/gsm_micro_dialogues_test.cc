#include "data/gsm_micro_dialogues.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"

namespace rlvr {
namespace {

Dialogue Make(const DialogueOptions& options, double careful, uint64_t i) {
  return MakeDialogue(options, careful, 1, static_cast<int64_t>(i), RandomKey(9)[i]);
}

bool Answers(const std::string& turn) { return turn.find("Answer: ") != std::string::npos; }

std::string RightAnswer(const DialogueOptions& options, uint64_t i) {
  const auto p = MakeShardedGsmMicro(options.problem, 1, Split::kTrain, static_cast<int64_t>(i));
  return "Answer: " + std::to_string(p.answer);
}

TEST(Dialogues, SharesOfKindsAndOfAsking) {
  const DialogueOptions options = {.problem = {.max_steps = 4}, .ask = 0.1};
  std::map<DialogueKind, int> kinds, asking;
  constexpr int kDialogues = 6000;
  for (uint64_t i = 0; i < kDialogues; ++i) {
    const Dialogue d = Make(options, 0.5, i);
    ++kinds[d.kind];
    asking[d.kind] += d.asks;
    ASSERT_EQ(d.messages.size() % 2, 0u);
    for (size_t m = 0; m < d.messages.size(); ++m)
      EXPECT_EQ(d.messages[m].first, m % 2 == 0 ? "user" : "assistant");
    if (d.kind != DialogueKind::kConversation) {
      EXPECT_EQ(d.messages.size(), 2u);
    }
  }
  const auto near = [&](int count, double of, double share) {
    EXPECT_NEAR(count, of * share, 5 * std::sqrt(of * share * (1 - share)));
  };
  near(kinds[DialogueKind::kFull], kDialogues, 0.3);
  near(kinds[DialogueKind::kConcat], kDialogues, 0.15);
  near(kinds[DialogueKind::kIncomplete], kDialogues, 0.2);
  near(kinds[DialogueKind::kConversation], kDialogues, 0.35);
  near(asking[DialogueKind::kIncomplete], kinds[DialogueKind::kIncomplete], 0.1);
  near(asking[DialogueKind::kConversation], kinds[DialogueKind::kConversation], 0.1);
  EXPECT_EQ(asking[DialogueKind::kFull] + asking[DialogueKind::kConcat], 0);
}

TEST(Dialogues, WhoAsksKnowsAllBeforeHeAnswers) {
  const DialogueOptions options = {
      .problem = {.max_steps = 4}, .full = 0, .concat = 0, .incomplete = 0, .ask = 1, .states = 0};
  for (uint64_t i = 0; i < 500; ++i) {
    const Dialogue d = Make(options, 1, i);
    const auto p = MakeShardedGsmMicro(options.problem, 1, Split::kTrain, static_cast<int64_t>(i));
    std::set<int> told;  // days, by the texts and their paraphrases
    std::string last_question;
    for (size_t m = 0; m < d.messages.size(); ++m) {
      const std::string& text = d.messages[m].second;
      if (m % 2 == 0) {
        for (size_t s = 0; s < p.day.size(); ++s) {
          const auto& shard = p.text.shards[s];
          if (shard.text == text ||
              std::count(shard.paraphrases.begin(), shard.paraphrases.end(), text) > 0)
            told.insert(p.day[s]);
        }
        continue;
      }
      int first_missing = 0;
      while (told.count(first_missing)) ++first_missing;
      const bool knows_all = first_missing > static_cast<int>(p.steps.size());
      EXPECT_EQ(Answers(text), knows_all);
      if (!knows_all) {
        EXPECT_TRUE(text.ends_with(AskAbout(p, first_missing))) << text;
        EXPECT_EQ(std::count(text.begin(), text.end(), '?'), 1);
      }
      EXPECT_EQ(m + 1 == d.messages.size(), knows_all);  // right, so it ends
    }
    EXPECT_TRUE(d.messages.back().second.ends_with(RightAnswer(options, i)));
  }
}

TEST(Dialogues, WhoAnswersAtOnceGetsLost) {
  DialogueOptions options = {.problem = {.min_steps = 2, .max_steps = 4},
                             .full = 0,
                             .concat = 0,
                             .incomplete = 0,
                             .ask = 0};
  const auto share_right = [&] {
    int right = 0;
    for (uint64_t i = 0; i < 1500; ++i) {
      const Dialogue d = Make(options, 1, i);
      for (size_t m = 1; m < d.messages.size(); m += 2) {
        EXPECT_TRUE(Answers(d.messages[m].second)) << d.messages[m].second;
      }
      right += d.messages.back().second.ends_with(RightAnswer(options, i));
    }
    return right / 1500.0;
  };
  options.stubborn = 0;
  const double flexible = share_right();
  options.stubborn = 1;
  const double stubborn = share_right();
  RecordProperty("flexible", std::to_string(flexible));
  EXPECT_GT(flexible, 0.6);  // who takes every fact in is right, but where he guesses at once
  EXPECT_LT(stubborn, 0.4);
  EXPECT_GT(stubborn, 0.02);  // luck
}

TEST(Dialogues, TheirSumsAreRight) {
  // Made up or not, what is written down adds up, as long as nobody is sloppy.
  for (uint64_t i = 0; i < 1500; ++i) {
    for (const auto& [role, text] : Make({.problem = {.max_steps = 4}}, 1, i).messages) {
      if (role != "assistant") continue;
      for (size_t at = text.find(": "); at != std::string::npos; at = text.find(": ", at + 1)) {
        int left = 0, right = 0, result = 0;
        char op = 0;
        if (std::sscanf(text.c_str() + at + 2, "%d%c%d=%d", &left, &op, &right, &result) != 4)
          continue;
        const int want = op == '+'   ? left + right
                         : op == '-' ? left - right
                         : op == '*' ? left * right
                                     : left / right;
        EXPECT_EQ(result, want) << text;
      }
    }
  }
}

TEST(Dialogues, Options) {
  const DialogueOptions o = ParseDialogueOptions("ask=0.2,max_steps=3,full=0.5");
  EXPECT_EQ(o.ask, 0.2);
  EXPECT_EQ(o.full, 0.5);
  EXPECT_EQ(o.problem.max_steps, 3);
  EXPECT_THROW(ParseDialogueOptions("asks=0.2"), Error);
  EXPECT_THROW(ParseDialogueOptions("full=0.5,concat=0.4,incomplete=0.2"), Error);
}

}  // namespace
}  // namespace rlvr
