#include "verify/content_words.h"

#include <gtest/gtest.h>

namespace rlvr {
namespace {

using Texts = std::vector<std::string>;

TEST(ContentWords, Sentences) {
  EXPECT_EQ(SentencesIn("Day 1: 2.5+1\nWhat then? No!Yes. So"),
            (Texts{"Day 1: 2.5+1\n", "What then?", " No!Yes.", " So"}));
  EXPECT_TRUE(SentencesIn("").empty());
}

TEST(ContentWords, OfQuestions) {
  EXPECT_EQ(QuestionsIn("Fine. Tom has 2.5 left. What then? Or\nwhich day? Bye!"),
            (Texts{" What then?", "which day?"}));
  EXPECT_TRUE(QuestionsIn("The answer is 3.").empty());
  EXPECT_EQ(ContentWords("How many apples does Tom start with on Day 2?"),
            (Texts{"apple", "tom", "start", "day", "2"}));
  EXPECT_EQ(ContentWords("Tom's dishes cost 1,200.50 dollars"),
            (Texts{"tom", "dish", "cost", "1200.50", "dollar"}));
  EXPECT_TRUE(ContentWords("Can you tell me more, please?").empty());
}

}  // namespace
}  // namespace rlvr
