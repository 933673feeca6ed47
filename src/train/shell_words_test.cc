#include "train/shell_words.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace rlvr {
namespace {

using Words = std::vector<std::string>;

TEST(ShellWords, QuotesAndContinuedLines) {
  EXPECT_EQ(ShellWords("a 'b c' \"d\"e\\ f \\\n  g='x y'"), (Words{"a", "b c", "de f", "g=x y"}));
  EXPECT_EQ(ShellWords("a ['p', 'q'] x=['r','s'] \"z=[1, 2]\""),
            (Words{"a", "['p', 'q']", "x=['r','s']", "z=[1, 2]"}));
  EXPECT_EQ(ShellWords("# nothing\n a # b\n c"), (Words{"a", "c"}));
  EXPECT_EQ(ShellWords("a=''; b $a'$a'"), (Words{"b", "$a"}));
}

TEST(ShellWords, AssignmentsAndArithmetic) {
  EXPECT_EQ(ShellWords("n=$((1024 * 4))\nm=${n}\nrun x=$n y=$((n + m * 2)) z=\"${m}b\""),
            (Words{"run", "x=4096", "y=12288", "z=4096b"}));
  EXPECT_EQ(ShellWords("export a=1 b=2; run $((10 / (a + b) - 1))"), (Words{"run", "2"}));
  // A variable before a program is the program's, and a word like any other here.
  EXPECT_EQ(ShellWords("A=1 run"), (Words{"A=1", "run"}));
}

TEST(ShellWords, DefaultsAndTheEnvironment) {
  setenv("RLVR_SHELL_WORDS_TEST", "set", 1);
  unsetenv("RLVR_SHELL_WORDS_UNSET");
  EXPECT_EQ(ShellWords("run ${RLVR_SHELL_WORDS_TEST:-other} ${RLVR_SHELL_WORDS_UNSET:-16}"),
            (Words{"run", "set", "16"}));
  EXPECT_EQ(
      ShellWords("home=/h; data=${RLVR_SHELL_WORDS_UNSET:-\"${home}/data\"}; run \"$data\" $@"),
      (Words{"run", "/h/data", ""}));
  unsetenv("RLVR_SHELL_WORDS_TEST");
}

TEST(ShellWords, WhatItCannotKnowIsAnError) {
  unsetenv("RLVR_SHELL_WORDS_UNSET");
  EXPECT_THROW(ShellWords("run $RLVR_SHELL_WORDS_UNSET"), Error);
  EXPECT_THROW(ShellWords("run $(date)"), Error);
  EXPECT_THROW(ShellWords("run $((1 / 0))"), Error);
  EXPECT_THROW(ShellWords("run $((1 +))"), Error);
  EXPECT_THROW(ShellWords("run ${x"), Error);
  EXPECT_THROW(ShellWords("run 'x"), Error);
}

}  // namespace
}  // namespace rlvr
