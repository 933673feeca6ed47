#include "train/curriculum.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace rlvr {
namespace {

// Rows with extra_info {"steps": ...}.
class FakePrompts : public PromptSource {
 public:
  explicit FakePrompts(std::vector<int> steps) : steps_(std::move(steps)) {}
  int64_t size() const override { return static_cast<int64_t>(steps_.size()); }
  Prompt Get(int64_t index) const override {
    Prompt p;
    p.index = index;
    p.extra_info = "{\"steps\":" + std::to_string(steps_[static_cast<size_t>(index)]) + "}";
    return p;
  }
  std::string name() const override { return "fake"; }

 private:
  std::vector<int> steps_;
};

Curriculum Make(const std::string& yaml, const PromptSource& prompts) {
  const ConfigNode node = ParseConfig(yaml, "test");
  return Curriculum(&node, prompts, 3);
}

std::multiset<int64_t> Draw(Curriculum* c, int64_t step, int n, int64_t* position) {
  c->BeginStep(step);
  std::multiset<int64_t> rows;
  for (int i = 0; i < n; ++i) {
    const auto draw = c->Next(position);
    c->Count(draw);
    rows.insert(draw.row);
  }
  return rows;
}

using Rows = std::multiset<int64_t>;

TEST(PromptState, RunningPassRate) {
  PromptState state(0.75);
  state.Observe(7, 2, 4, 1);
  state.Observe(7, 5, 8, 6);
  state.Observe(3, 5, 2, 0);
  const PromptRecord& r = *state.Find(7);
  EXPECT_EQ(r.times, 2);
  EXPECT_EQ(r.samples, 12);
  EXPECT_EQ(r.right, 7);
  EXPECT_EQ(r.last_step, 5);
  EXPECT_DOUBLE_EQ(r.pass_rate, 0.75 * 0.25 + 0.25 * 0.75);
  EXPECT_EQ(state.Find(4), nullptr);
  Metrics m;
  state.Measure(&m);
  EXPECT_EQ(m.at("prompt_state/seen"), 2);
  EXPECT_DOUBLE_EQ(m.at("prompt_state/pass_rate"), 0.375 / 2);
  EXPECT_EQ(m.at("prompt_state/solved"), 0);
  EXPECT_EQ(m.at("prompt_state/unsolved"), 0.5);
}

TEST(Curriculum, UniformIsTheSeededOrder) {
  const FakePrompts prompts({1, 1, 1, 1, 1});
  Curriculum c = Make("{}", prompts);
  PromptOrder order(5, 3);
  int64_t position = 0;
  c.BeginStep(1);
  for (int64_t p = 0; p < 12; ++p) {
    const auto draw = c.Next(&position);
    EXPECT_EQ(draw.row, order.At(p));
    EXPECT_EQ(draw.occurrence, p / 5);
    EXPECT_EQ(position, p + 1);
  }
}

TEST(Curriculum, PassRateBandLetsSolvedAndHopelessRest) {
  const FakePrompts prompts({1, 1, 1, 1});
  Curriculum c = Make("{name: pass_rate_band, low: 0, high: 0.9, rest: 2, decay: 0}", prompts);
  c.state().Observe(0, 1, 10, 9);  // at the bound: solved
  c.state().Observe(1, 1, 10, 0);  // hopeless
  c.state().Observe(2, 1, 10, 5);
  int64_t position = 0;
  // Rows 2 and 3, once in each pass of four positions.
  EXPECT_EQ(Draw(&c, 2, 4, &position), (Rows{2, 2, 3, 3}));
  EXPECT_LE(position, 8);
  EXPECT_EQ(Draw(&c, 3, 2, &position).count(0), 0u);
  Metrics m;
  c.Measure(&m);
  EXPECT_EQ(m.at("curriculum/resting"), 2);
  position = 0;
  EXPECT_EQ(Draw(&c, 4, 4, &position), (Rows{0, 1, 2, 3}));  // two steps of rest are over
}

TEST(Curriculum, TakesThePromptsInTurnWhereAllRest) {
  const FakePrompts prompts({1, 1, 1});
  Curriculum c = Make("{name: pass_rate_band, rest: 9}", prompts);
  for (int64_t row = 0; row < 3; ++row) c.state().Observe(row, 1, 1, 1);
  int64_t position = 0;
  EXPECT_EQ(Draw(&c, 2, 3, &position), (Rows{0, 1, 2}));
  EXPECT_EQ(position, 3);
  Metrics m;
  c.Measure(&m);
  EXPECT_EQ(m.at("curriculum/forced"), 3);
}

TEST(Curriculum, EasyToHardByCompetence) {
  // Difficulties in order: 1 1 2 3 4 4 6 8.
  const FakePrompts prompts({4, 1, 8, 2, 1, 6, 3, 4});
  Curriculum c =
      Make("{name: easy_to_hard, key: steps, start: 0.125, steps: 8, power: 1}", prompts);
  int64_t position = 0;
  // c(0) = 1/8: one row, with its tie two. c(2) = 2/8 * 7/8 + 1/8 = 11/32, 2.75 of 8: three rows.
  EXPECT_EQ(Draw(&c, 1, 2, &position), (Rows{1, 4}));
  position = 0;
  EXPECT_EQ(Draw(&c, 3, 3, &position), (Rows{1, 3, 4}));
  Metrics m;
  c.Measure(&m);
  EXPECT_DOUBLE_EQ(m.at("curriculum/competence"), 11.0 / 32);
  EXPECT_EQ(m.at("curriculum/hardest"), 2);
  position = 0;
  EXPECT_EQ(Draw(&c, 9, 8, &position), (Rows{0, 1, 2, 3, 4, 5, 6, 7}));

  // Square root: c(2) = sqrt(2/8 * (1 - 1/64) + 1/64) = sqrt(67/256) = 0.5116: 4.09 of 8, five
  // rows, and the fifth difficulty, 4, is a tie of two.
  Curriculum root = Make("{name: easy_to_hard, start: 0.125, steps: 8}", prompts);
  position = 0;
  EXPECT_EQ(Draw(&root, 3, 6, &position), (Rows{0, 1, 3, 4, 6, 7}));

  EXPECT_THROW(Make("{name: easy_to_hard, key: level}", prompts), Error);
}

TEST(Curriculum, CompetenceGateRisesWithItsOwnPrompts) {
  const FakePrompts prompts({2, 2, 3, 3, 5});
  const std::string yaml =
      "{name: competence_gate, key: steps, threshold: 0.5, prompts: 2, window: 3, decay: 0}";
  Curriculum c = Make(yaml, prompts);
  const auto level = [](Curriculum* gate, int64_t step) {
    gate->BeginStep(step);
    Metrics m;
    gate->Measure(&m);
    return m.at("curriculum/level");
  };
  int64_t position = 0;
  EXPECT_EQ(Draw(&c, 1, 2, &position), (Rows{0, 1}));
  c.state().Observe(0, 1, 4, 2);
  EXPECT_EQ(level(&c, 2), 2);  // one prompt is not enough
  c.state().Observe(1, 2, 4, 1);
  EXPECT_EQ(level(&c, 3), 2);  // (.5 + .25) / 2
  c.state().Observe(0, 3, 4, 3);
  EXPECT_EQ(level(&c, 4), 3);  // (.75 + .25) / 2
  position = 0;
  EXPECT_EQ(Draw(&c, 4, 4, &position), (Rows{0, 1, 2, 3}));  // again: no second rise
  c.state().Observe(2, 4, 2, 2);
  c.state().Observe(3, 4, 2, 2);
  EXPECT_EQ(level(&c, 8), 3);  // too long ago
  Curriculum again = Make(yaml, prompts);
  again.Load(c.Save(), "test");
  EXPECT_EQ(level(&again, 7), 5);
  EXPECT_EQ(level(&again, 100), 5);  // the last one

  Curriculum from = Make("{name: competence_gate, key: steps, start: 2.5}", prompts);
  EXPECT_EQ(level(&from, 1), 3);
  EXPECT_THROW(Make("{name: competence_gate, key: shards}", prompts), Error);
}

// Rows with extra_info {"shards": [...]}.
class ShardPrompts : public PromptSource {
 public:
  int64_t size() const override { return 3; }
  Prompt Get(int64_t index) const override {
    Prompt p;
    p.index = index;
    p.extra_info = std::vector<std::string>{"{\"shards\":[1,2,3]}", "{\"shards\":[{}]}",
                                            "{\"shards\":[1,2]}"}[static_cast<size_t>(index)];
    return p;
  }
  std::string name() const override { return "fake"; }
};

TEST(Curriculum, ListsCountTheirEntries) {
  const ShardPrompts prompts;
  Curriculum c = Make("{name: competence_gate, start: 2}", prompts);
  int64_t position = 0;
  EXPECT_EQ(Draw(&c, 1, 2, &position), (Rows{1, 2}));
}

TEST(Curriculum, DriveKeepsTheHardestInPhases) {
  const FakePrompts prompts({1, 1, 1, 1, 1, 1});
  const std::string yaml =
      "{name: drive, uniform_steps: 3, phases: 2, phase_steps: 2, keep: 0.5, hard_group_size: 64, "
      "decay: 0}";
  Curriculum c = Make(yaml, prompts);
  // Pass rates .9, .4, 0, .1 of rows 0 to 3; rows 4 and 5 are not sampled.
  int row = 0;
  for (const int right : {9, 4, 0, 1}) c.state().Observe(row++, 1, 10, right);
  int64_t position = 0;
  EXPECT_EQ(Draw(&c, 3, 6, &position), (Rows{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(c.GroupSize(8), 8);
  position = 0;
  EXPECT_EQ(Draw(&c, 4, 4, &position), (Rows{2, 2, 3, 3}));
  EXPECT_EQ(c.GroupSize(8), 64);

  // What a checkpoint between them holds is enough to go on.
  Curriculum resumed = Make(yaml, prompts);
  resumed.Load(c.Save(), "prompts.cbor");
  for (Curriculum* each : {&c, &resumed}) {
    each->state().Observe(2, 4, 10, 5);  // now easier than row 3
    position = 0;
    EXPECT_EQ(Draw(each, 5, 2, &position), (Rows{2, 3}));
    position = 0;
    EXPECT_EQ(Draw(each, 6, 2, &position), (Rows{3, 3}));
    position = 0;
    EXPECT_EQ(Draw(each, 99, 1, &position), (Rows{3}));  // the last phase stays
    Metrics m;
    each->Measure(&m);
    EXPECT_EQ(m.at("curriculum/phase"), 2);
    EXPECT_EQ(m.at("curriculum/pool"), 1);
  }
  EXPECT_EQ(c.Save(), resumed.Save());
  EXPECT_THROW(resumed.Load("nonsense", "prompts.cbor"), Error);
}

TEST(Curriculum, UnknownKeysAndNames) {
  const ConfigNode other = ParseConfig("{name: uniform, keep: 0.5}", "test"),
                   name = ParseConfig("{name: drives}", "test");
  EXPECT_THROW(ResolveCurriculum(&other), Error);
  EXPECT_THROW(ResolveCurriculum(&name), Error);
  const ConfigNode band = ParseConfig("{name: pass_rate_band, low: 0.1}", "test");
  const ConfigNode resolved = ResolveCurriculum(&band);
  EXPECT_EQ(resolved.Find("rest")->scalar, "10");
  EXPECT_EQ(resolved.Find("low")->scalar, "0.1");
  EXPECT_EQ(ToYaml(ResolveCurriculum(&resolved)), ToYaml(resolved));
}

}  // namespace
}  // namespace rlvr
