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

TEST_F(ConfigTest, ExtendsAndOverrides) {
  Write("base.yaml", "rollout: {group_size: 8, temperature: 0.9}\nloss: {name: ppo, eps: 0.2}\n");
  const auto path =
      Write("top.yaml",
            "extends: base.yaml\nrollout: {group_size: 16}\nloss: {name: dapo, eps_high: 0.28}\n");
  const ConfigNode node = LoadConfig(path, {"rollout.temperature=1.0", "update.lr=1e-4"});
  EXPECT_EQ(node.Find("rollout")->Find("group_size")->scalar, "16");
  EXPECT_EQ(node.Find("rollout")->Find("temperature")->scalar, "1.0");
  EXPECT_EQ(node.Find("loss")->Find("eps"), nullptr);  // another name is another thing
  EXPECT_EQ(node.Find("update")->Find("lr")->scalar, "1e-4");
  EXPECT_EQ(ToYaml(ParseConfig(ToYaml(node), "again")), ToYaml(node));
}

TEST_F(ConfigTest, UnknownKeyNamesLineAndNearest) {
  const auto path = Write("a.yaml", "update:\n  lr: 1\n  grad_clpi: 2\n");
  const ConfigNode node = LoadConfig(path, {});
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
  const std::string message = MessageOf([&] { LoadConfig(two, {}); });
  EXPECT_NE(message.find("two.yaml: extends itself through"), std::string::npos) << message;
  EXPECT_NE(message.find("one.yaml"), std::string::npos) << message;
}

TEST_F(ConfigTest, BrokenFiles) {
  const auto loop = Write("loop.yaml", "extends: loop.yaml\n");
  EXPECT_NE(MessageOf([&] { LoadConfig(loop, {}); }).find("extends itself"), std::string::npos);
  const auto lost = Write("lost.yaml", "\nextends: nowhere.yaml\n");
  EXPECT_NE(MessageOf([&] { LoadConfig(lost, {}); }).find("lost.yaml:2: extends 'nowhere.yaml'"),
            std::string::npos);
  const auto bad = Write("bad.yaml", "a: 1\nb: [1, 2\nc: 3\n");
  EXPECT_NE(MessageOf([&] { LoadConfig(bad, {}); }).find("is not YAML"), std::string::npos);
  const auto twice = Write("twice.yaml", "a: 1\na: 2\n");
  EXPECT_NE(MessageOf([&] { LoadConfig(twice, {}); }).find("twice.yaml:2: 'a' is given twice"),
            std::string::npos);
  EXPECT_NE(MessageOf([&] { LoadConfig(folder_ + "/none.yaml", {}); }).find("cannot open"),
            std::string::npos);
  EXPECT_NE(MessageOf([&] { LoadConfig(bad, {"x"}); }).find("bad.yaml"), std::string::npos);
}

}  // namespace
}  // namespace rlvr
