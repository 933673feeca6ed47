#include "objective/reward_shaping/trapo.h"

#include <gtest/gtest.h>

#include "objective/test_rows.h"

namespace rlvr {
namespace {

// The first prompts from 0 that have a label, or none, at the default share.
std::vector<int64_t> Prompts(bool labelled, size_t n) {
  std::vector<int64_t> prompts;
  for (int64_t p = 0; prompts.size() < n; ++p) {
    if (Trapo{}.IsLabelled(p) == labelled) prompts.push_back(p);
  }
  return prompts;
}

// Groups of single-token rows with these answers; 7 is right.
Rows Answers(const std::vector<int64_t>& prompts, const std::vector<std::vector<int32_t>>& answers,
             int64_t epoch) {
  std::vector<std::vector<int64_t>> lengths;
  for (const auto& group : answers) lengths.emplace_back(group.size(), 1);
  Rows r = MakeTestRows(lengths);
  r.prompt = prompts;
  r.occurrence.assign(prompts.size(), epoch);
  size_t s = 0;
  for (const auto& group : answers) {
    for (const int32_t a : group) {
      r.answer[s] = a;
      r.verdict[s] = a == 7 ? Verdict::kRight : Verdict::kWrong;
      r.reward[s++] = a == 7 ? 1 : -1;
    }
  }
  return r;
}

void Shape(const std::string& params, StageRun* run) {
  const ConfigNode node = ParseConfig("[{name: trapo" + params + "}]", "test");
  Apply(MakeRewardShaping(&node), run);
}

TEST(Trapo, AShareOfThePromptsIsLabelled) {
  int labelled = 0;
  for (int64_t p = 0; p < 10000; ++p) labelled += Trapo{}.IsLabelled(p);
  EXPECT_NEAR(labelled, 2500, 5 * 43.3);  // binomial: standard deviation 43.3
}

// A labelled group keeps its rewards; votes go by the most frequent answer, ties have none.
TEST(Trapo, Votes) {
  const auto u = Prompts(false, 4);
  StageRun run{Answers({Prompts(true, 1)[0], u[0], u[1], u[2], u[3]},
                       {{7, 1, 1, 7}, {3, 3, 7, -1}, {7, 7, 3, 3}, {-1, -1, -1, 7}, {-1, -1}}, 0),
               {},
               {}};
  Shape("", &run);
  ExpectNear(run.rows.reward, {1, -1, -1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 0);
  // Warm-up: only the labelled group trains.
  ExpectNear(run.rows.mask, {1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0);
  const auto rate = [&](const std::string& kind, int64_t p) {
    return run.state.values.at("trapo/" + kind + "/" + std::to_string(p));
  };
  EXPECT_EQ(rate("labelled", Prompts(true, 1)[0]), Doubles{0.5});
  EXPECT_EQ(rate("unlabelled", u[0]), Doubles{0.5});
  EXPECT_EQ(rate("unlabelled", u[1]), Doubles{0});
  EXPECT_EQ(rate("unlabelled", u[2]), Doubles{0.25});
  EXPECT_EQ(rate("unlabelled", u[3]), Doubles{0});
  EXPECT_NEAR(MetricOf(run.metrics, "trapo/vote_is_right"), 0.5, 0);  // the 7 of [-1, -1, -1, 7]
}

// The labelled history [0, .25, .5, .75] against three unlabelled ones, of which this step's visit
// brings the last value:
//   [.1, .2, .5, .5]: deviations [-.225, -.125, .175, .175], cosine with [-.375, -.125, .125, .375]
//     (.084375 + .015625 + .021875 + .065625) / (.559017 * .357071) = .939336
//   [.5, .5, .5, .5]: 0;   [.9, .7, .6, .5]: -.982708
struct Histories {
  StageRun run;
  std::vector<int64_t> u = Prompts(false, 3);
  int64_t labelled = Prompts(true, 1)[0];
  explicit Histories(int64_t epoch = 9) {
    run.rows = Answers(u, {{3, 3, 4, 5}, {7, 7, 1, 2}, {7, 7, 1, 2}}, epoch);
    auto& v = run.state.values;
    v["trapo/labelled/" + std::to_string(labelled)] = {0, 0.25, 0.5, 0.75};
    v["trapo/unlabelled/" + std::to_string(u[0])] = {0.1, 0.2, 0.5};
    v["trapo/unlabelled/" + std::to_string(u[1])] = {0.5, 0.5, 0.5};
    v["trapo/unlabelled/" + std::to_string(u[2])] = {0.9, 0.7, 0.6};
  }
};

TEST(Trapo, AcceptsWhatMovesLikeLabelledPrompts) {
  for (const auto& [threshold, accepted] :
       {std::pair{0.9393, 1}, {0.9394, 0}, {0.0, 2}, {-0.9827, 2}, {-0.9828, 3}}) {
    Histories h;
    Shape(fmt::format(", top: 0, threshold: {}", threshold), &h.run);
    EXPECT_NEAR(MetricOf(h.run.metrics, "trapo/accepted") * 3, accepted, 1e-12) << threshold;
    EXPECT_EQ(h.run.rows.mask[0], accepted > 0);
    EXPECT_EQ(h.run.rows.mask[4], accepted > 1);
    EXPECT_EQ(h.run.rows.mask[8], accepted > 2);
  }
  // The best tenth of three: one. What is accepted becomes a reference, as it is now.
  Histories h;
  Shape(", threshold: 1", &h.run);
  ExpectNear(h.run.rows.mask, {1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 0);
  EXPECT_EQ(h.run.state.values.at("trapo/accepted/" + std::to_string(h.u[0])),
            (Doubles{0.1, 0.2, 0.5, 0.5}));
  EXPECT_EQ(h.run.state.values.count("trapo/accepted/" + std::to_string(h.u[1])), 0u);
  // In the warm-up none is.
  Histories early(7);
  Shape("", &early.run);
  ExpectNear(early.run.rows.mask, Doubles(12, 0), 0);
}

// [0, .25, .5, .75] with [.1, .2, .5, .6] is .976187; with a second reference that goes down as
// straight, whose cosine is -.976187, the mean is 0. Histories are cut to the shortest reference.
TEST(Trapo, MeanOverReferencesOfEqualLength) {
  for (const bool second : {false, true}) {
    for (const auto& [threshold, accepted] :
         {std::pair{0.9762, false}, {0.9761, !second}, {0.01, !second}, {-0.01, true}}) {
      StageRun run;
      const auto u = Prompts(false, 1), l = Prompts(true, 2);
      run.rows = Answers(u, {{7, 7, 7, 7}}, 9);  // this visit's 1 is cut off
      auto& v = run.state.values;
      v["trapo/labelled/" + std::to_string(l[0])] = {0, 0.25, 0.5, 0.75};
      if (second) v["trapo/labelled/" + std::to_string(l[1])] = {1, 0.75, 0.5, 0.25, 0.9};
      v["trapo/unlabelled/" + std::to_string(u[0])] = {0.1, 0.2, 0.5, 0.6};
      Shape(fmt::format(", top: 0, threshold: {}", threshold), &run);
      EXPECT_EQ(run.rows.mask[0], accepted) << second << " " << threshold;
    }
  }
}

// Nothing to compare with, or a history still too short: not trained.
TEST(Trapo, WithoutReferences) {
  Histories none;
  none.run.state.values.erase("trapo/labelled/" + std::to_string(none.labelled));
  Shape(", threshold: -1", &none.run);
  ExpectNear(none.run.rows.mask, Doubles(12, 0), 0);
  Histories short_one;
  short_one.run.state.values["trapo/unlabelled/" + std::to_string(short_one.u[1])] = {0.5};
  Shape(", threshold: -1, top: 1", &short_one.run);
  ExpectNear(short_one.run.rows.mask, {1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1}, 0);
}

}  // namespace
}  // namespace rlvr
