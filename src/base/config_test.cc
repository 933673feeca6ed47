#include "base/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <limits>

#include "base/error.h"
#include "base/file.h"

namespace rlvr {
namespace {

class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "config_test";
    std::filesystem::remove_all(folder_);
    MakeDirectories(folder_);
  }
  std::string Write(const std::string& name, const std::string& text) {
    WriteFileAtomically(folder_ + "/" + name, text);
    return folder_ + "/" + name;
  }
  std::string folder_;
};

std::string MessageOf(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

const MethodSections kMethods = {{"loss", "dapo"}, {"reward.overlong", "none"}, {"terms", ""}};

// The section as one line of YAML, which is easy to compare.
std::string Section(const ConfigNode& root, const std::string& key) {
  const ConfigNode& map = *root.Find(key);
  std::string line;
  for (size_t i = 0; i < map.keys.size(); ++i)
    line += (i > 0 ? ", " : "") + map.keys[i] + ": " + map.items[i].scalar;
  return line;
}

TEST_F(ConfigTest, ExtendsAndOverrides) {
  Write("base.yaml", "rollout: {group_size: 8, temperature: 0.9}\nloss: {name: ppo, eps: 0.2}\n");
  const auto path =
      Write("top.yaml",
            "extends: base.yaml\nrollout: {group_size: 16}\nloss: {name: dapo, eps_high: 0.28}\n");
  const ConfigNode node = LoadConfig(path, {"rollout.temperature=1.0", "update.lr=1e-4"}, kMethods);
  EXPECT_EQ(Section(node, "rollout"), "group_size: 16, temperature: 1.0");
  EXPECT_EQ(Section(node, "loss"), "name: dapo, eps_high: 0.28");  // eps was ppo's
  EXPECT_EQ(Section(node, "update"), "lr: 1e-4");
  EXPECT_EQ(node.Find("extends"), nullptr);
  EXPECT_EQ(ToYaml(ParseConfig(ToYaml(node), "again")), ToYaml(node));
}

TEST_F(ConfigTest, AnotherMethodInheritsNothing) {
  const auto unnamed = Write("unnamed.yaml", "loss: {eps_high: 0.3}\n");  // the default, dapo
  const auto loss = [&](const std::vector<std::string>& overrides) {
    return Section(LoadConfig(unnamed, overrides, kMethods), "loss");
  };
  EXPECT_EQ(loss({"loss={name: gspo}"}), "name: gspo");
  EXPECT_EQ(loss({"loss={name: dapo, c: 3}"}), "eps_high: 0.3, name: dapo, c: 3");
  EXPECT_EQ(loss({"loss.name=cispo"}), "name: cispo");
  EXPECT_EQ(loss({"loss.eps_low=1"}), "eps_high: 0.3, eps_low: 1");
  // The command line is one more layer: the order within it does not matter.
  EXPECT_EQ(loss({"loss.eps_low=1", "loss.name=cispo"}), "eps_low: 1, name: cispo");
  EXPECT_EQ(loss({"loss.name=cispo", "loss.eps_low=1"}), "name: cispo, eps_low: 1");
  EXPECT_EQ(loss({"loss={name: cispo, k: 1}", "loss={name: gspo}"}), "name: gspo");
  EXPECT_EQ(loss({"loss.name=gspo", "loss.name=dapo"}), "eps_high: 0.3, name: dapo");
}

TEST_F(ConfigTest, ANameThatIsNoMethodReplacesNothing) {
  Write("base.yaml",
        "name: base\nseed: 3\nreward: {name: auto, wrong: 0, overlong: {name: soft, buffer: 9}}\n");
  const auto path =
      Write("top.yaml",
            "extends: base.yaml\nname: top\nreward: {name: rule, overlong: {name: filter}}\n");
  const ConfigNode node = LoadConfig(path, {}, kMethods);
  EXPECT_EQ(node.Find("name")->scalar, "top");
  EXPECT_EQ(node.Find("seed")->scalar, "3");
  EXPECT_EQ(node.Find("reward")->Find("name")->scalar, "rule");
  EXPECT_EQ(node.Find("reward")->Find("wrong")->scalar, "0");
  EXPECT_EQ(Section(*node.Find("reward"), "overlong"), "name: filter");
  // Two recipes on one base must not take its name, which is that of a run's folder.
  const auto other = Write("other.yaml", "extends: base.yaml\n");
  EXPECT_EQ(LoadConfig(other, {}, kMethods).Find("name"), nullptr);
  EXPECT_EQ(LoadConfig(other, {"name=mine"}, kMethods).Find("name")->scalar, "mine");
}

TEST_F(ConfigTest, CoefficientsOfAnotherRuleReplace) {
  Write("base.yaml",
        "loss: {eps: {schedule: linear, from: 1, to: 2, steps: 9}}\n"
        "update: {schedule: linear, lr: 1}\n");
  const auto path = Write("top.yaml",
                          "extends: base.yaml\nloss: {eps: {controller: kl, target: 0.1}}\n"
                          "update: {schedule: cosine}\n");
  const ConfigNode node = LoadConfig(path, {}, kMethods);
  EXPECT_EQ(Section(*node.Find("loss"), "eps"), "controller: kl, target: 0.1");
  EXPECT_EQ(Section(node, "update"), "schedule: cosine, lr: 1");  // no method, no coefficient
  const ConfigNode longer = LoadConfig(folder_ + "/base.yaml", {"loss.eps.steps=20"}, kMethods);
  EXPECT_EQ(Section(*longer.Find("loss"), "eps"), "schedule: linear, from: 1, to: 2, steps: 20");
}

TEST_F(ConfigTest, ListsReplace) {
  Write("base.yaml", "terms: [{name: kl, beta: 0.1}, {name: entropy}]\nstop: [a, b]\n");
  const auto path = Write("top.yaml", "extends: base.yaml\nterms: [{name: kl}]\nstop: []\n");
  const ConfigNode node = LoadConfig(path, {}, kMethods);
  ASSERT_EQ(node.Find("terms")->items.size(), 1u);
  EXPECT_EQ(node.Find("terms")->items[0].Find("beta"), nullptr);
  EXPECT_TRUE(node.Find("stop")->items.empty());
  EXPECT_EQ(LoadConfig(path, {"terms=[]"}, kMethods).Find("terms")->items.size(), 0u);
  EXPECT_EQ(Section(LoadConfig(path, {"terms={name: kl, beta: 1}"}, kMethods), "terms"),
            "name: kl, beta: 1");
  EXPECT_EQ(
      MessageOf([&] { LoadConfig(path, {"terms.beta=1"}, kMethods); }),
      "command line: 'terms.beta': 'terms' is a list (give it as a whole: terms=[{...}, ...])");
  EXPECT_EQ(MessageOf([&] {
              LoadConfig(path, {"terms=3", "terms.beta=1"}, kMethods);
            }),
            "command line: 'terms.beta': 'terms' has no keys below it (check the key)");
}

TEST_F(ConfigTest, UnknownKeyNamesLineAndNearest) {
  const auto path = Write("a.yaml", "update:\n  lr: 1\n  grad_clpi: 2\n");
  const ConfigNode node = LoadConfig(path, {}, {});
  ConfigReader reader(node.Find("update"), "update");
  double lr = 0, clip = 0;
  reader("lr", lr, 0, 10);
  reader("grad_clip", clip, 0, 10);
  EXPECT_EQ(MessageOf([&] { reader.Done(); }),
            path + ":3: unknown key 'update.grad_clpi' (did you mean 'grad_clip'?)");
  EXPECT_EQ(lr, 1);
}

TEST_F(ConfigTest, BadValues) {
  const ConfigNode node = ParseConfig("a: x\nb: 11\nc: 1.5\nd: maybe\ne: gpro\n", "f");
  ConfigReader r(&node, "");
  double d = 0;
  int64_t i = 0;
  bool flag = false;
  std::string s;
  EXPECT_EQ(MessageOf([&] { r("a", d, 0, 1); }), "f:1: 'a' is 'x' (a number is needed)");
  EXPECT_EQ(MessageOf([&] { r("b", d, 0, 10); }), "f:2: 'b' is 11 (it must be in [0, 10])");
  EXPECT_EQ(MessageOf([&] { r("c", i, 0, 10); }), "f:3: 'c' is 1.5 (a whole number is needed)");
  EXPECT_EQ(MessageOf([&] { r("d", flag); }), "f:4: 'd' is 'maybe' (true or false is needed)");
  EXPECT_EQ(MessageOf([&] {
              r("e", s, {"grpo", "dapo"});
            }),
            "f:5: 'e' is 'gpro' (did you mean 'grpo'?)");
}

TEST_F(ConfigTest, WholeNumbersAreExact) {
  const ConfigNode node =
      ParseConfig("a: 9007199254740993\nb: 1e6\nc: 99999999999999999999\nd: 12x\n", "f");
  ConfigReader r(&node, "");
  int64_t value = 0;
  r("a", value, 0, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(value, 9007199254740993);  // 2^53 + 1, which no double holds
  r("b", value, 0, 2000000);
  EXPECT_EQ(value, 1000000);
  EXPECT_NE(MessageOf([&] {
              r("c", value, 0, std::numeric_limits<int64_t>::max());
            }).find("f:3: 'c' is 99999999999999999999 (it must be in"),
            std::string::npos);
  EXPECT_EQ(MessageOf([&] { r("d", value, 0, 20); }), "f:4: 'd' is '12x' (a number is needed)");
}

TEST_F(ConfigTest, AChainOfFilesMayNotLoop) {
  Write("one.yaml", "extends: two.yaml\na: 1\n");
  const auto two = Write("two.yaml", "extends: one.yaml\na: 2\n");
  const std::string message = MessageOf([&] { LoadConfig(two, {}, {}); });
  EXPECT_NE(message.find("two.yaml: extends itself through"), std::string::npos) << message;
  EXPECT_NE(message.find("one.yaml"), std::string::npos) << message;
}

TEST_F(ConfigTest, BrokenFiles) {
  const auto loop = Write("loop.yaml", "extends: loop.yaml\n");
  EXPECT_NE(MessageOf([&] { LoadConfig(loop, {}, {}); }).find("extends itself"), std::string::npos);
  const auto lost = Write("lost.yaml", "\nextends: nowhere.yaml\n");
  EXPECT_NE(
      MessageOf([&] { LoadConfig(lost, {}, {}); }).find("lost.yaml:2: extends 'nowhere.yaml'"),
      std::string::npos);
  const auto bad = Write("bad.yaml", "a: 1\nb: [1, 2\nc: 3\n");
  EXPECT_NE(MessageOf([&] { LoadConfig(bad, {}, {}); }).find("is not YAML"), std::string::npos);
  const auto twice = Write("twice.yaml", "a: 1\na: 2\n");
  EXPECT_NE(MessageOf([&] { LoadConfig(twice, {}, {}); }).find("twice.yaml:2: 'a' is given twice"),
            std::string::npos);
  EXPECT_NE(MessageOf([&] { LoadConfig(folder_ + "/none.yaml", {}, {}); }).find("cannot open"),
            std::string::npos);
  EXPECT_NE(MessageOf([&] { LoadConfig(bad, {"x"}, {}); }).find("bad.yaml"), std::string::npos);
}

}  // namespace
}  // namespace rlvr
