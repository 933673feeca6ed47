#include "base/config_difference.h"

#include <gtest/gtest.h>

namespace rlvr {
namespace {

TEST(ConfigDifference, FlattensListsAndEmptyNodes) {
  const auto rows =
      FlattenConfig(ParseConfig("a: {b: 1, c: [x, {d: y}]}\ne: []\nf: {}\ng:\nh: ''", "test"));
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"a.b", "1"},  {"a.c.0", "x"}, {"a.c.1.d", "y"}, {"e", "none"},
      {"f", "none"}, {"g", "none"},  {"h", ""}};
  EXPECT_EQ(rows, expected);
}

TEST(ConfigDifference, KeysThatDiffer) {
  const auto rows =
      DifferentKeys({ParseConfig("lr: 1e-4\nloss: {name: a, eps: 0.2}\nsame: x\n", "A"),
                     ParseConfig("lr: 0.0001\nloss: {name: b, beta: 1}\nsame: x\nlast: 2\n", "B"),
                     ParseConfig("lr: 1.0e-4\nloss: {name: a, eps: 0.20}\nsame: x\n", "C")});
  ASSERT_EQ(rows.size(), 4u);  // lr and same are equal in all
  EXPECT_EQ(rows[0].key, "loss.name");
  EXPECT_EQ(rows[0].values, (std::vector<std::string>{"a", "b", "a"}));
  EXPECT_EQ(rows[1].key, "loss.eps");
  EXPECT_EQ(rows[1].values, (std::vector<std::string>{"0.2", "", "0.20"}));
  EXPECT_EQ(rows[2].key, "loss.beta");  // beside its section
  EXPECT_EQ(rows[2].values, (std::vector<std::string>{"", "1", ""}));
  EXPECT_EQ(rows[3].key, "last");
}

}  // namespace
}  // namespace rlvr
