#include "rollout/draft.h"

#include <gtest/gtest.h>

#include <numeric>

namespace rlvr {
namespace {

DraftText Text(std::vector<int32_t> tokens, std::vector<float> probs, int64_t context = 0) {
  return {std::move(tokens), std::move(probs), context};
}

void Learn(const DraftText& text, DraftTable* table) {
  table->Learn(text, 0, static_cast<int64_t>(text.tokens.size()));
}

int32_t TokenAfter(const DraftTable& table, const std::vector<int32_t>& tokens, double uniform) {
  DraftToken draft;
  return table.Draft(tokens, uniform, false, &draft) ? draft.token : -1;
}

TEST(DraftTable, WhatFollowedTheLastTwoTokens) {
  DraftTable table;
  DraftToken draft;
  EXPECT_FALSE(table.Draft(std::vector<int32_t>{1, 2}, 0.5, false, &draft));
  Learn(Text({1, 2, 3, 4}, {0, 0, 0.5f, 1.0f}), &table);
  ASSERT_TRUE(table.Draft(std::vector<int32_t>{9, 1, 2}, 0.5, false, &draft));
  EXPECT_EQ(draft.token, 3);
  EXPECT_EQ(kDraftOrders[static_cast<size_t>(draft.order)], 2);
  EXPECT_DOUBLE_EQ(draft.mass, 0.5);
  EXPECT_EQ(draft.margin, 1);
  ASSERT_TRUE(table.Draft(std::vector<int32_t>{1, 2, 3}, 0.5, false, &draft));
  EXPECT_EQ(draft.token, 4);
  EXPECT_EQ(kDraftOrders[static_cast<size_t>(draft.order)], 3);
  EXPECT_EQ(TokenAfter(table, {2, 1}, 0.5), -1);
  EXPECT_EQ(TokenAfter(table, {2}, 0.5), -1);  // one token says too little
  EXPECT_EQ(TokenAfter(table, {}, 0.5), -1);
}

TEST(DraftTable, TheLongestKnownContextDecides) {
  DraftTable table;
  Learn(Text({1, 5, 6, 7}, {0, 0, 0, 1.0f}), &table);
  Learn(Text({2, 5, 6, 8}, {0, 0, 0, 1.0f}), &table);
  EXPECT_EQ(TokenAfter(table, {1, 5, 6}, 0.1), 7);
  EXPECT_EQ(TokenAfter(table, {1, 5, 6}, 0.9), 7);
  EXPECT_EQ(TokenAfter(table, {2, 5, 6}, 0.1), 8);
  // Of two tokens both have followed 5 6: ids in order, half of the numbers each.
  EXPECT_EQ(TokenAfter(table, {3, 5, 6}, 0.4), 7);
  EXPECT_EQ(TokenAfter(table, {3, 5, 6}, 0.6), 8);
}

// 20 tokens in common decide as 16 do.
TEST(DraftTable, SixteenTokensAreTheMost) {
  std::vector<int32_t> tokens(21);
  std::iota(tokens.begin(), tokens.end(), 10);
  DraftTable table;
  Learn(Text(tokens, std::vector<float>(21, 0.25f)), &table);
  DraftToken draft;
  tokens.pop_back();
  ASSERT_TRUE(table.Draft(tokens, 0.5, false, &draft));
  EXPECT_EQ(draft.token, 30);
  EXPECT_EQ(draft.order, 0);
  tokens[4] = 1;  // the 16th from the end
  ASSERT_TRUE(table.Draft(tokens, 0.5, false, &draft));
  EXPECT_EQ(draft.order, 1);
}

// Followers 3, 5, 9 with 0.2, 0.1, 0.5: the numbers of [0, 0.8) / 0.8 are theirs in this order.
TEST(DraftTable, TheRandomNumberChoosesAsTheSamplerWould) {
  DraftTable table;
  Learn(Text({1, 2, 9}, {0, 0, 0.5f}), &table);
  Learn(Text({1, 2, 3}, {0, 0, 0.2f}), &table);
  Learn(Text({1, 2, 5}, {0, 0, 0.1f}), &table);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.24), 3);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.26), 5);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.37), 5);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.38), 9);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.999), 9);
  DraftToken draft;
  table.Draft(std::vector<int32_t>{1, 2}, 0.35, false, &draft);
  EXPECT_NEAR(draft.mass, 0.8, 1e-6);
  EXPECT_NEAR(draft.margin, 0.375 - 0.35, 1e-6);
  table.Draft(std::vector<int32_t>{1, 2}, 0.1, true, &draft);
  EXPECT_EQ(draft.token, 9);  // greedy
}

TEST(DraftTable, WhatWasSampledOutweighsPromptsAndNewerWhatIsOlder) {
  DraftTable table;
  Learn(Text({1, 2, 3}, {0, 0, 0}), &table);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.5), 3);  // from the prompt, for want of better
  Learn(Text({1, 2, 8}, {0, 0, 0.4f}), &table);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.01), 8);
  DraftToken draft;
  Learn(Text({1, 2, 8}, {0, 0, 0.8f}), &table);
  Learn(Text({1, 2, 8}, {0, 0, 0}), &table);  // a prompt says nothing of probabilities
  ASSERT_TRUE(table.Draft(std::vector<int32_t>{1, 2}, 0.5, false, &draft));
  EXPECT_NEAR(draft.mass, 0.6 + 0.001, 1e-6);
}

TEST(DraftTable, LearnsOnlyWhatItIsTold) {
  DraftTable table;
  DraftText text = Text({1, 2, 3, 4, 5}, {0, 0, 1, 1, 1}, 3);
  Learn(text, &table);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.5), -1);  // 3 is context
  EXPECT_EQ(TokenAfter(table, {2, 3}, 0.5), 4);
  DraftTable part;
  part.Learn(text, 4, 5);
  EXPECT_EQ(TokenAfter(part, {2, 3}, 0.5), -1);
  EXPECT_EQ(TokenAfter(part, {3, 4}, 0.5), 5);
}

// The fourth follower takes the place of the least likely one: 10, 11 and 13 with 0.3, 0.2, 0.4.
TEST(DraftTable, KeepsTheLikeliestFollowers) {
  DraftTable table;
  const float probs[] = {0.3f, 0.2f, 0.01f, 0.4f};
  for (int32_t i = 0; i < 4; ++i) Learn(Text({1, 2, 10 + i}, {0, 0, probs[i]}), &table);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.32), 10);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.34), 11);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.55), 11);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.56), 13);
  EXPECT_EQ(TokenAfter(table, {1, 2}, 0.99), 13);
}

TEST(DraftTable, GrowsAndForgetsNothing) {
  DraftTable table;
  std::vector<int32_t> tokens(5000);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * i % 7919);
  Learn(Text(tokens, std::vector<float>(tokens.size(), 1.0f)), &table);
  for (size_t i = 20; i < tokens.size(); i += 37) {
    const std::vector<int32_t> before(tokens.begin() + static_cast<int64_t>(i) - 16,
                                      tokens.begin() + static_cast<int64_t>(i));
    EXPECT_EQ(TokenAfter(table, before, 0.5), tokens[i]);
  }
}

TEST(DraftStore, KeepsTextsByPromptWithinItsBound) {
  DraftStore store(10000);
  const auto text = [](int32_t token) {  // about 900 bytes
    return Text(std::vector<int32_t>(100, token), std::vector<float>(100, 1.0f));
  };
  for (uint64_t prompt = 0; prompt < 5; ++prompt) store.Add(prompt, text(1));
  EXPECT_EQ(store.num_prompts(), 5);
  ASSERT_NE(store.Find(0), nullptr);  // asked for: 1 is now the oldest
  for (uint64_t prompt = 5; prompt < 12; ++prompt) {
    store.Add(prompt, text(1));
    EXPECT_LE(store.bytes(), 10000);
  }
  EXPECT_EQ(store.Find(1), nullptr);
  EXPECT_NE(store.Find(11), nullptr);
  EXPECT_GE(store.num_prompts(), 8);
  EXPECT_NE(store.Find(0), nullptr);
  store.Add(11, text(2));
  ASSERT_EQ(store.Find(11)->size(), 2u);
  EXPECT_EQ(store.Find(11)->back().tokens[0], 2);
  store.set_max_bytes(0);
  EXPECT_EQ(store.num_prompts(), 0);
  EXPECT_EQ(store.bytes(), 0);
  store.Add(3, text(1));  // there is no room at all
  EXPECT_EQ(store.Find(3), nullptr);
  EXPECT_EQ(store.bytes(), 0);
}

TEST(DraftStore, OnePromptKeepsTheNewest) {
  DraftStore store(int64_t{1} << 20);
  for (int32_t i = 0; i < 100; ++i) store.Add(7, Text({i}, {1.0f}));
  ASSERT_EQ(store.Find(7)->size(), DraftStore::kMostTexts);
  EXPECT_EQ(store.Find(7)->back().tokens[0], 99);
  EXPECT_EQ(store.Find(7)->front().tokens[0], 100 - static_cast<int32_t>(DraftStore::kMostTexts));
  const int64_t bytes = store.bytes();
  for (int32_t i = 0; i < 100; ++i) store.Add(7, Text({i}, {1.0f}));
  EXPECT_EQ(store.bytes(), bytes);
}

TEST(DraftStore, KeysOfPromptsDiffer) {
  EXPECT_EQ(DraftStore::KeyOf(std::vector<int32_t>{1, 2}),
            DraftStore::KeyOf(std::vector<int32_t>{1, 2}));
  EXPECT_NE(DraftStore::KeyOf(std::vector<int32_t>{1, 2}),
            DraftStore::KeyOf(std::vector<int32_t>{2, 1}));
  EXPECT_NE(DraftStore::KeyOf(std::vector<int32_t>{1, 2}),
            DraftStore::KeyOf(std::vector<int32_t>{1, 2, 0}));
}

}  // namespace
}  // namespace rlvr
