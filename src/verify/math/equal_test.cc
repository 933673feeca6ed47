// Parsing and equality of single formulas, worked by hand.
#include "verify/math/equal.h"

#include <gtest/gtest.h>

#include "verify/math/algebra.h"
#include "verify/math/parser.h"

namespace rlvr::math {
namespace {

std::string Read(const std::string& latex) {
  const auto n = Parse(latex);
  return n ? ToString(*n) : "?";
}

bool Same(const std::string& gold, const std::string& answer) {
  const auto a = Parse(gold), b = Parse(answer);
  if (!a || !b) return false;
  Work work;
  return Equal(*a, *b, {}, &work, nullptr);
}

TEST(Parse, Numbers) {
  EXPECT_EQ(Read("\\frac12"), "1/2");
  EXPECT_EQ(Read("\\dfrac{-6}{8}"), "-3/4");
  EXPECT_EQ(Read("2\\frac{1}{3}"), "7/3");
  EXPECT_EQ(Read("-2\\frac{1}{3}"), "-7/3");
  EXPECT_EQ(Read("2 1/2"), "5/2");
  EXPECT_EQ(Read("2½"), "5/2");
  EXPECT_EQ(Read("10{,}000.5"), "20001/2");
  EXPECT_EQ(Read("1,234,567"), "1234567");
  EXPECT_EQ(Read("1.5e-3"), "3/2000");
  EXPECT_EQ(Read("0.1\\overline{36}"), "3/22");  // 0.1 + 36/990
  EXPECT_EQ(Read("0.\\overline{3}"), "1/3");
  EXPECT_EQ(Read("\\$18.00"), "18");
  EXPECT_EQ(Read("15\\mbox{ cm}^2"), "15");
  EXPECT_EQ(Read("12 apples"), "12");
  EXPECT_EQ(Read("45^\\circ"), "45");
  EXPECT_EQ(Read("28\\%"), "28%");
  EXPECT_EQ(Read("5."), "5");
  EXPECT_EQ(Read("1012_3"), "1012_3");
}

TEST(Parse, Collections) {
  EXPECT_EQ(Read("(-\\infty,3]\\cup[5,\\infty)"), "(-1*infinity, 3] union [5, infinity)");
  EXPECT_EQ(Read("(2,1)"), "(2, 1)");
  EXPECT_EQ(Read("\\{1,2,3\\}"), "{1, 2, 3}");
  EXPECT_EQ(Read("5 \\text{ and } 6"), "{5, 6}");
  EXPECT_EQ(Read("1 \\pm \\sqrt{2}"), "{(1 + sqrt(2)), (1 + -1*sqrt(2))}");
  EXPECT_EQ(Read("a=4,\\,-8,\\,-10"), "a = {4, -8, -10}");
  EXPECT_EQ(Read("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}"), "[1, 2; 3, 4]");
  EXPECT_EQ(Read("1 < x \\le 2"), "1 < x and x <= 2");
  EXPECT_EQ(Read("\\frac{1}{2"), "?");
  EXPECT_EQ(Read("\\unknown{2}"), "?");
}

TEST(Equal, Expressions) {
  EXPECT_TRUE(Same("(x+1)^2", "x^2+2x+1"));
  EXPECT_TRUE(Same("\\frac{1}{\\sqrt2}", "\\frac{\\sqrt{2}}{2}"));
  EXPECT_TRUE(Same("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2"));
  EXPECT_TRUE(Same("\\sin^2 x", "1-\\cos^2 x"));
  EXPECT_TRUE(Same("\\log_2 8", "3"));
  EXPECT_TRUE(Same("e^{i\\pi}", "-1"));
  EXPECT_TRUE(Same("\\binom{5}{2}", "10"));
  EXPECT_TRUE(Same("5!", "120"));
  EXPECT_TRUE(Same("\\sum_{k=1}^{10} k", "55"));
  EXPECT_TRUE(Same("\\sqrt[3]{-8}", "-2"));
  EXPECT_TRUE(Same("1/2x", "\\frac{1}{2x}"));
  EXPECT_FALSE(Same("x+1", "x-1"));
  EXPECT_FALSE(Same("|x|", "x"));  // they agree on positive numbers only
  EXPECT_FALSE(Same("\\sqrt{2}", "1.41421"));
  EXPECT_TRUE(Same("\\sqrt{2}", "1.414214"));  // six decimals
  EXPECT_FALSE(Same("10^{10^{10}}", "10^{10^{10}}+1"));
}

TEST(Equal, CollectionsAndRelations) {
  EXPECT_TRUE(Same("\\{1,2\\}", "2,1"));
  EXPECT_FALSE(Same("(1,2,3)", "(2,1,3)"));
  EXPECT_FALSE(Same("[0,1)", "(0,1)"));
  EXPECT_TRUE(Same("[1,3]\\cup[2,4]", "[1,4]"));
  EXPECT_TRUE(Same("\\mathbb{R}\\setminus\\{3\\}", "(-\\infty,3)\\cup(3,\\infty)"));
  EXPECT_TRUE(Same("-2\\le x\\le 7", "x\\in[-2,7]"));
  EXPECT_TRUE(Same("x = 5", "5"));
  EXPECT_TRUE(Same("5", "x = 2 + 3 = 5"));
  EXPECT_TRUE(Same("2x+4y=3", "y=\\frac34-\\frac x2"));
  EXPECT_TRUE(Same("xy = 1", "y = \\frac1x"));
  EXPECT_TRUE(Same("x<1", "-x>-1"));
  EXPECT_FALSE(Same("x<1", "x>1"));
  EXPECT_TRUE(Same("\\begin{pmatrix}1&2\\end{pmatrix}\\begin{pmatrix}3\\\\4\\end{pmatrix}",
                   "\\begin{pmatrix}11\\end{pmatrix}"));
  EXPECT_TRUE(Same("\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}", "-2"));
}

TEST(Equal, AlgebraProves) {
  Work work;
  const auto proves = [&](const char* a, const char* b) {
    return EqualByAlgebra(*Parse(a), *Parse(b), &work);
  };
  EXPECT_TRUE(proves("\\frac{x^2-1}{x-1}", "x+1"));
  EXPECT_TRUE(proves("(\\sin x+1)^2", "\\sin^2 x+2\\sin x+1"));
  EXPECT_FALSE(proves("x", "y"));
  EXPECT_FALSE(proves("(\\sqrt2)^2", "2"));  // what roots obey is for the random points
  EXPECT_TRUE(SameZeros(*Parse("xy-1"), *Parse("y-\\frac1x"), &work));
  EXPECT_FALSE(SameZeros(*Parse("x-1"), *Parse("x-2"), &work));
}

}  // namespace
}  // namespace rlvr::math
