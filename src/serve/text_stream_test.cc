#include "serve/text_stream.h"

#include <gtest/gtest.h>

#include <utility>

#include "text/bpe_trainer.h"

namespace rlvr {
namespace {

// Tokens 0 to 255 are bytes; then come merges ("on", ...), last the special token.
const Tokenizer& Bytes() {
  static const Tokenizer tokenizer =
      TrainBpe(std::vector<std::string>{"one one one"},
               {.vocab_size = 260, .special_tokens = {"<|endoftext|>"}});
  return tokenizer;
}

// What is shown after each token, and at the end.
std::vector<std::string> Shown(const std::string& text, std::vector<std::string> stop) {
  TextStream stream(Bytes(), std::move(stop));
  std::vector<std::string> shown;
  for (const char c : text) {
    const int32_t token = Bytes().TokenId(std::string(1, c));
    shown.push_back(stream.Push(token));
    if (stream.stopped()) return shown;
  }
  shown.push_back(stream.Flush());
  return shown;
}

using Texts = std::vector<std::string>;

TEST(TextStream, HoldsBackWhatMayBecomeAStopString) {
  EXPECT_EQ(Shown("a\n\nQ", {"\n\nQ:", "zz"}), (Texts{"a", "", "", "", "\n\nQ"}));
  EXPECT_EQ(Shown("a\n\nX", {"\n\nQ:"}), (Texts{"a", "", "", "\n\nX", ""}));
  EXPECT_EQ(Shown("ab\nQrest", {"\nQ"}), (Texts{"a", "b", "", ""}));
  // "aab" begins at the second a: only what cannot belong to it is shown.
  EXPECT_EQ(Shown("aaab", {"aab"}), (Texts{"", "", "a", ""}));
}

TEST(TextStream, TheFirstStopStringEndsTheText) {
  TextStream stream(Bytes(), {"two", "one"});
  const std::vector<int32_t> tokens = Bytes().Encode("x one two");
  std::string text;
  for (size_t i = 0; i < tokens.size() && !stream.stopped(); ++i) text += stream.Push(tokens[i]);
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(text, "x ");
}

TEST(TextStream, CharactersStayWhole) {
  EXPECT_EQ(Shown("a\xC3\xA9!", {}), (Texts{"a", "", "\xC3\xA9", "!", ""}));
  EXPECT_EQ(Shown("\xF0\x9F\x98\x80", {}), (Texts{"", "", "", "\xF0\x9F\x98\x80", ""}));
  // A stop string of two bytes shares its first byte with another character.
  EXPECT_EQ(Shown("\xC3\xA8\xC3\xA9z", {"\xC3\xA9"}), (Texts{"", "\xC3\xA8", "", ""}));
  std::string broken;
  for (const std::string& s : Shown("x\xC3(\xE2\x82", {})) broken += s;
  EXPECT_TRUE(IsUtf8(broken)) << broken;
  EXPECT_EQ(broken.substr(0, 5), "x\xEF\xBF\xBD(");
}

TEST(TextStream, SpecialTokensHaveNoText) {
  TextStream stream(Bytes(), {});
  EXPECT_EQ(stream.Push(Bytes().TokenId("<|endoftext|>")), "");
  EXPECT_EQ(stream.Push(Bytes().TokenId("a")), "a");
}

TEST(Utf8, Valid) {
  for (const char* good : {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xF0\x90\x80\x80",
                           "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(IsUtf8(good)) << good;
  // Lone and missing continuations, over-long forms, surrogates, beyond U+10FFFF.
  for (const char* bad : {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"})
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  EXPECT_EQ(ToUtf8("a\xFF\xC3\xA9"), "a\xEF\xBF\xBD\xC3\xA9");
  EXPECT_EQ(NumCodePoints("a\xC3\xA9\xF0\x9F\x98\x80"), 3);
}

}  // namespace
}  // namespace rlvr
