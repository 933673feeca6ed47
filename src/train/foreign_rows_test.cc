#include "train/foreign_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "text/bpe_trainer.h"

namespace rlvr {
namespace {

// A group of prompt `index`: one policy segment for each verdict.
Tree Group(int64_t index, const std::vector<Verdict>& verdicts) {
  Tree tree;
  tree.prompt_index = index;
  tree.occurrence = index % 3;
  tree.data_source = "gsm_micro";
  tree.family = "f" + std::to_string(index / 2);
  tree.segments.push_back({.tokens = {1, 2, static_cast<int32_t>(index)}});
  for (size_t i = 0; i < verdicts.size(); ++i) {
    const auto sample = static_cast<int32_t>(i);
    tree.segments.push_back({.parent = 0,
                             .author = Author::kPolicy,
                             .tokens = {3, 4 + sample},
                             .logp = {-0.1f - static_cast<float>(i), -1.0f / 3},
                             .entropy = {0.7f, 1e-30f},
                             .sampler_logp = {},
                             .sample = sample});
    tree.leaves.push_back({.segment = sample + 1,
                           .finish = i % 2 == 0 ? Finish::kStop : Finish::kLength,
                           .verdict = verdicts[i],
                           .answer = std::to_string(i),
                           .score = verdicts[i] == Verdict::kRight ? 1.0f : -1.0f,
                           .reward = 0.1f});
  }
  return tree;
}

constexpr Verdict kRight = Verdict::kRight, kWrong = Verdict::kWrong;

Tree Mixed(int64_t index) { return Group(index, {kRight, kWrong}); }

Prompt PromptOf(int64_t index) {
  return {.messages = {{"user", "How many?"}},
          .data_source = "gsm_micro",
          .ability = {},
          .ground_truth = std::to_string(index),
          .extra_info = {},
          .target = {},
          .index = index};
}

void Admit(ReplayStore* store, int64_t step, const Tree& tree) {
  store->Admit(step, PromptOf(tree.prompt_index), tree);
}

std::set<int64_t> Indices(const std::vector<ReplayedGroup>& groups) {
  std::set<int64_t> indices;
  for (const auto& g : groups) indices.insert(g.tree.prompt_index);
  return indices;
}

TEST(ReplayStore, AdmissionRules) {
  const std::vector<Tree> groups = {Group(0, {kRight, kRight}), Group(1, {kWrong, kWrong}),
                                    Mixed(2), Group(3, {Verdict::kTimedOut, Verdict::kBroken}),
                                    Group(4, {kRight, Verdict::kTimedOut})};
  const auto admitted = [&](const std::string& rule) {
    ReplayStore store({.groups = 9, .max_uses = 0, .admit = rule});
    for (const Tree& tree : groups) Admit(&store, 1, tree);
    return Indices(store.Draw(2, RandomKey(1)));
  };
  EXPECT_EQ(admitted("mixed"), (std::set<int64_t>{2, 4}));
  EXPECT_EQ(admitted("right"), (std::set<int64_t>{0, 2, 4}));
  EXPECT_EQ(admitted("all"), (std::set<int64_t>{0, 1, 2, 3, 4}));
  ReplayStore off({.groups = 0, .admit = "all"});
  Admit(&off, 1, Mixed(1));
  EXPECT_EQ(off.size(), 0);
}

TEST(ReplayStore, TheOldestGoFirst) {
  ReplayStore store({.groups = 9, .capacity = 3, .max_uses = 0});
  for (int64_t i = 0; i < 5; ++i) Admit(&store, 1 + i, Mixed(i));
  EXPECT_EQ(store.size(), 3);
  EXPECT_EQ(Indices(store.Draw(9, RandomKey(1))), (std::set<int64_t>{2, 3, 4}));
}

// A group of step 1 may train in step 1 + max_age, and not later.
TEST(ReplayStore, Age) {
  const auto drawn_in_step = [](int64_t step) {
    ReplayStore store({.groups = 9, .max_age = 2, .max_uses = 0});
    Admit(&store, 1, Mixed(1));
    Admit(&store, 2, Mixed(2));
    const auto indices = Indices(store.Draw(step, RandomKey(1)));
    EXPECT_EQ(store.size(), static_cast<int64_t>(indices.size()));
    return indices;
  };
  EXPECT_EQ(drawn_in_step(3), (std::set<int64_t>{1, 2}));
  EXPECT_EQ(drawn_in_step(4), (std::set<int64_t>{2}));
  EXPECT_EQ(drawn_in_step(5), (std::set<int64_t>{}));
}

TEST(ReplayStore, Uses) {
  ReplayStore store({.groups = 2, .max_uses = 2});
  for (int64_t i = 0; i < 3; ++i) Admit(&store, 1, Mixed(i));
  std::map<int64_t, int> drawn;
  for (int64_t step = 2; step < 7; ++step) {
    for (const auto& g : store.Draw(step, RandomKey(static_cast<uint64_t>(step)))) {
      EXPECT_EQ(g.uses, ++drawn[g.tree.prompt_index]);
    }
  }
  // Three groups twice each: 2 + 2 + 2 draws at most, and then there are none.
  EXPECT_EQ(drawn, (std::map<int64_t, int>{{0, 2}, {1, 2}, {2, 2}}));
  EXPECT_EQ(store.size(), 0);
}

// A draw is without repetition, a function of its key, and every group gets its turn.
TEST(ReplayStore, Draws) {
  std::map<int64_t, int> drawn;
  for (uint64_t key = 0; key < 300; ++key) {
    ReplayStore store({.groups = 2, .max_uses = 0}), again({.groups = 2, .max_uses = 0});
    for (int64_t i = 0; i < 4; ++i) {
      Admit(&store, 1, Mixed(i));
      Admit(&again, 1, Mixed(i));
    }
    const auto groups = store.Draw(2, RandomKey(key)), same = again.Draw(2, RandomKey(key));
    ASSERT_EQ(groups.size(), 2u);
    ASSERT_EQ(same.size(), 2u);
    EXPECT_NE(groups[0].tree.prompt_index, groups[1].tree.prompt_index);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(groups[i].tree.prompt_index, same[i].tree.prompt_index);
      ++drawn[groups[i].tree.prompt_index];
    }
  }
  // Binomial(300, 1 / 2): mean 150, standard deviation 8.7.
  for (int64_t i = 0; i < 4; ++i) EXPECT_NEAR(drawn[i], 150, 5 * 8.7) << i;
}

// What was sampled comes back as kReplay with its numbers; an expert's segment stays an expert's.
TEST(ReplayStore, DrawnGroupsKeepWhatSamplingRecorded) {
  Tree tree = Mixed(5);
  tree.segments.push_back({.parent = 0, .author = Author::kExpert, .tokens = {9}, .sample = 2});
  tree.leaves.push_back({.segment = 3, .verdict = kRight});
  ReplayStore store({.groups = 1, .max_uses = 0});
  Admit(&store, 4, tree);
  for (int twice = 0; twice < 2; ++twice) {
    const auto drawn = store.Draw(5, RandomKey(1));
    ASSERT_EQ(drawn.size(), 1u);
    const Tree& got = drawn[0].tree;
    EXPECT_EQ(drawn[0].step, 4);
    EXPECT_EQ(drawn[0].prompt.ground_truth, "5");
    EXPECT_EQ(got.segments[0].author, Author::kPrompt);
    EXPECT_EQ(got.segments[1].author, Author::kReplay);
    EXPECT_EQ(got.segments[2].author, Author::kReplay);
    EXPECT_EQ(got.segments[3].author, Author::kExpert);
    EXPECT_EQ(got.segments[1].logp, tree.segments[1].logp);
    EXPECT_EQ(got.leaves[1].finish, Finish::kLength);
  }
}

void ExpectSame(const ReplayedGroup& a, const ReplayedGroup& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.uses, b.uses);
  EXPECT_EQ(a.prompt.messages, b.prompt.messages);
  EXPECT_EQ(a.prompt.ground_truth, b.prompt.ground_truth);
  EXPECT_EQ(a.prompt.index, b.prompt.index);
  EXPECT_EQ(a.tree.occurrence, b.tree.occurrence);
  EXPECT_EQ(a.tree.data_source, b.tree.data_source);
  EXPECT_EQ(a.tree.family, b.tree.family);
  ASSERT_EQ(a.tree.segments.size(), b.tree.segments.size());
  for (size_t i = 0; i < a.tree.segments.size(); ++i) {
    const Segment &x = a.tree.segments[i], &y = b.tree.segments[i];
    EXPECT_EQ(x.parent, y.parent);
    EXPECT_EQ(x.author, y.author);
    EXPECT_EQ(x.tokens, y.tokens);
    EXPECT_EQ(x.logp, y.logp);
    EXPECT_EQ(x.entropy, y.entropy);
    EXPECT_EQ(x.sampler_logp, y.sampler_logp);
    EXPECT_EQ(x.sample, y.sample);
  }
  ASSERT_EQ(a.tree.leaves.size(), b.tree.leaves.size());
  for (size_t i = 0; i < a.tree.leaves.size(); ++i) {
    const Leaf &x = a.tree.leaves[i], &y = b.tree.leaves[i];
    EXPECT_EQ(x.segment, y.segment);
    EXPECT_EQ(x.finish, y.finish);
    EXPECT_EQ(x.verdict, y.verdict);
    EXPECT_EQ(x.answer, y.answer);
    EXPECT_EQ(x.score, y.score);
    EXPECT_EQ(x.reward, y.reward);
  }
}

// The store of a checkpoint is the store: the same bytes again, the same later draws, bit for bit.
TEST(ReplayStore, SaveAndLoad) {
  const ReplaySettings settings = {.groups = 3, .capacity = 6, .max_age = 9, .max_uses = 3};
  ReplayStore store(settings);
  for (int64_t i = 0; i < 8; ++i) {
    Tree tree = Mixed(i);
    for (size_t t = 0; t < 2; ++t) {
      tree.segments[1].logp[t] = -std::exp(static_cast<float>(i) - 3.7f);
      tree.segments[2].entropy[t] = std::numeric_limits<float>::denorm_min() * 3;
    }
    tree.segments[2].sampler_logp = {-0.25f, -1e-7f};
    Admit(&store, 1 + i / 2, tree);
    if (i % 2 == 1) store.Draw(2 + i / 2, RandomKey(static_cast<uint64_t>(i)));
  }
  const std::string bytes = store.Save();
  ReplayStore loaded(settings);
  Admit(&loaded, 1, Mixed(99));  // goes away
  loaded.Load(bytes, "test");
  EXPECT_EQ(loaded.size(), store.size());
  EXPECT_EQ(loaded.Save(), bytes);
  for (int64_t step = 6; step < 9; ++step) {
    const auto a = store.Draw(step, RandomKey(static_cast<uint64_t>(step)));
    const auto b = loaded.Draw(step, RandomKey(static_cast<uint64_t>(step)));
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(a.empty(), step == 8 && store.size() == 0);
    for (size_t i = 0; i < a.size(); ++i) ExpectSame(a[i], b[i]);
  }
}

TEST(ReplayStore, DamagedBytesAreNamed) {
  ReplayStore store({.groups = 1});
  Admit(&store, 1, Mixed(1));
  const std::string bytes = store.Save();
  for (const std::string& damaged : {bytes.substr(0, bytes.size() / 2), std::string("no CBOR"),
                                     std::string("\x81\xa0", 2)}) {  // last: a group without keys
    try {
      ReplayStore({.groups = 1}).Load(damaged, "run/replay.cbor");
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("run/replay.cbor"), std::string::npos) << e.what();
    }
  }
}

// A group of one outcome gets the newest responses of the other one; a mixed group, another prompt's
// group and one whose opposites were never seen get none.
TEST(ResponseStore, Opposites) {
  ResponseStore store({.opposites = 2, .per_prompt = 3});
  for (int64_t step = 1; step <= 4; ++step) {
    Tree tree = Mixed(5);
    tree.segments[1].tokens[0] = static_cast<int32_t>(100 + step);  // right
    tree.segments[2].tokens[0] = static_cast<int32_t>(200 + step);  // wrong
    store.Remember(step, tree);
  }
  Tree wrong = Group(5, {kWrong, Verdict::kTimedOut});
  EXPECT_EQ(store.AddOpposites(5, &wrong), 2);
  ASSERT_EQ(wrong.leaves.size(), 4u);
  for (size_t i = 0; i < 2; ++i) {
    const Leaf& leaf = wrong.leaves[2 + i];
    EXPECT_EQ(leaf.verdict, kRight);
    EXPECT_EQ(leaf.score, 1);
    const Segment& s = wrong.segments[static_cast<size_t>(leaf.segment)];
    EXPECT_EQ(s.author, Author::kReplay);
    EXPECT_EQ(s.parent, 0);
    EXPECT_EQ(s.sample, static_cast<int32_t>(2 + i));
    EXPECT_EQ(s.tokens[0], static_cast<int32_t>(104 - i));
    EXPECT_EQ(s.logp, Mixed(5).segments[1].logp);
  }
  Tree right = Group(5, {kRight});
  EXPECT_EQ(store.AddOpposites(5, &right), 2);
  EXPECT_EQ(right.segments[2].tokens[0], 204);
  Tree mixed = Mixed(5), other = Group(6, {kWrong});
  EXPECT_EQ(store.AddOpposites(5, &mixed), 0);
  EXPECT_EQ(store.AddOpposites(5, &other), 0);
  store.Remember(5, Group(6, {kWrong, Verdict::kBroken}));
  EXPECT_EQ(store.AddOpposites(6, &other), 0);
}

// per_prompt bounds what is kept; max_age what is used; replays and experts are not kept again.
TEST(ResponseStore, BoundsAndAge) {
  ResponseStore store({.max_age = 2, .opposites = 9, .per_prompt = 3});
  for (int64_t step = 1; step <= 4; ++step) store.Remember(step, Mixed(5));
  for (const auto& [step, added] : {std::pair<int64_t, int64_t>{4, 3}, {5, 2}, {6, 1}, {7, 0}}) {
    Tree tree = Group(5, {kWrong});
    EXPECT_EQ(store.AddOpposites(step, &tree), added) << step;
  }
  Tree replayed = Mixed(7);
  for (Segment& s : replayed.segments) s.author = Author::kReplay;
  store.Remember(4, replayed);
  Tree tree = Group(7, {kWrong});
  EXPECT_EQ(store.AddOpposites(4, &tree), 0);
}

// A conversation comes back as the chain that it was.
TEST(ResponseStore, ChainsAndSaving) {
  Tree tree = Mixed(5);
  tree.segments.push_back(
      {.parent = 1, .author = Author::kEnvironment, .tokens = {50}, .sample = 0});
  tree.segments.push_back(
      {.parent = 3, .author = Author::kPolicy, .tokens = {51}, .logp = {-0.3f}, .sample = 0});
  tree.leaves[0].segment = 4;
  ResponseStore store({.opposites = 1}), loaded({.opposites = 1});
  store.Remember(3, tree);
  store.Remember(3, Mixed(8));
  loaded.Remember(1, Mixed(9));  // goes away
  loaded.Load(store.Save(), "test");
  EXPECT_EQ(loaded.Save(), store.Save());
  for (const ResponseStore* s : {&store, &loaded}) {
    Tree wrong = Group(5, {kWrong});
    ASSERT_EQ(s->AddOpposites(4, &wrong), 1);
    EXPECT_EQ(wrong.Path(wrong.leaves[1].segment), (std::vector<int32_t>{0, 2, 3, 4}));
    EXPECT_EQ(wrong.segments[2].author, Author::kReplay);
    EXPECT_EQ(wrong.segments[3].author, Author::kEnvironment);
    EXPECT_EQ(wrong.segments[4].author, Author::kReplay);
    EXPECT_EQ(wrong.segments[4].logp, std::vector<float>{-0.3f});
    Tree gone = Group(9, {kWrong});
    EXPECT_EQ(s->AddOpposites(4, &gone), 0);
  }
  EXPECT_THROW(loaded.Load("no CBOR", "test"), Error);
}

TEST(AddExpertRow, IsOneMoreLeaf) {
  const std::vector<std::string> texts = {"7+5=12 Answer: 12"};
  const Tokenizer tokenizer =
      TrainBpe(texts, {.vocab_size = 260, .special_tokens = {"<|im_end|>"}, .pattern = {}});
  Prompt prompt = PromptOf(3);
  prompt.target = "7+5=12<|im_end|>";  // text of an expert is text: no special tokens
  Tree tree = Mixed(3);
  AddExpertRow(tokenizer, prompt, /*eos=*/77, /*max_tokens=*/100, &tree);
  ASSERT_EQ(tree.leaves.size(), 3u);
  EXPECT_EQ(tree.leaves[2].segment, 3);
  const Segment& expert = tree.segments[3];
  EXPECT_EQ(expert.author, Author::kExpert);
  EXPECT_EQ(expert.parent, 0);
  EXPECT_EQ(expert.sample, 2);
  EXPECT_TRUE(expert.logp.empty());
  EXPECT_EQ(expert.tokens.back(), 77);
  std::vector<int32_t> text(expert.tokens.begin(), expert.tokens.end() - 1);
  EXPECT_EQ(tokenizer.Decode(text), prompt.target);
  for (const int32_t t : text) EXPECT_FALSE(tokenizer.IsSpecial(t));

  const auto length = static_cast<int64_t>(expert.tokens.size());
  Tree exact = Mixed(3);
  AddExpertRow(tokenizer, prompt, 77, length, &exact);
  EXPECT_EQ(exact.leaves.size(), 3u);
  Tree without_eos = Mixed(3);
  AddExpertRow(tokenizer, prompt, -1, length - 1, &without_eos);
  EXPECT_EQ(without_eos.segments[3].tokens, text);

  for (const auto& [target, max] :
       {std::pair{prompt.target, length - 1}, {std::string(), length}}) {
    prompt.target = target;
    Tree refused = Mixed(3);
    try {
      AddExpertRow(tokenizer, prompt, 77, max, &refused);
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("prompt 3"), std::string::npos) << e.what();
    }
    EXPECT_EQ(refused.leaves.size(), 2u);
  }
}

}  // namespace
}  // namespace rlvr
