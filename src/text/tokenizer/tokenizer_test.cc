#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "text/byte_level.h"
#include "text/pattern.h"
#include "text/tokenizer/scanner.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;
using Ids = std::vector<int32_t>;

// Characters a b c ▁ and <unk>; merges a b, ab c, ▁ a.
Json Small() {
  return {
      {"version", "1.0"},
      {"added_tokens", Json::array()},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"vocab",
         {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"c", 3}, {"▁", 4}, {"ab", 5}, {"abc", 6}, {"▁a", 7}}},
        {"merges", {"a b", "ab c", "▁ a"}}}}};
}

Tokenizer Read(const Json& json) { return Tokenizer::FromJson(json.dump(), "t.json"); }

std::string MessageOf(const Json& json) {
  try {
    Read(json);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(TokenizerJson, MergesByRank) {
  const Tokenizer t = Read(Small());
  EXPECT_EQ(t.Encode("abc"), (Ids{6}));
  EXPECT_EQ(t.Encode("▁abcab"), (Ids{4, 6, 5}));  // "a b" comes before "▁ a"
  EXPECT_EQ(t.Encode("▁ac"), (Ids{7, 3}));
  EXPECT_EQ(t.Decode(Ids{6, 7}), "abc ▁a");  // without a decoder, as the library
}

TEST(TokenizerJson, UnknownCharacters) {
  Json json = Small();
  EXPECT_EQ(Read(json).Encode("axyb"), (Ids{1, 0, 0, 2}));
  json["model"]["fuse_unk"] = true;
  EXPECT_EQ(Read(json).Encode("axyb"), (Ids{1, 0, 2}));
  json["model"]["byte_fallback"] = true;
  json["model"]["vocab"]["<0x78>"] = 8;
  EXPECT_EQ(Read(json).Encode("axb"), (Ids{1, 8, 2}));
  EXPECT_EQ(Read(json).Encode("ayb"), (Ids{1, 0, 2}));
}

TEST(TokenizerJson, IgnoreMergesTakesWholePieces) {
  Json json = Small();
  json["model"]["vocab"]["ca"] = 8;  // no merge makes it
  EXPECT_EQ(Read(json).Encode("ca"), (Ids{3, 1}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(Read(json).Encode("ca"), (Ids{8}));
}

// A long piece goes through the queue, a short one through the array: cut where no merge can join.
TEST(TokenizerJson, LongPiecesMergeAsShortOnes) {
  Json json = Small();
  const Tokenizer t = Read(json);
  Random random(RandomKey(3));
  for (int i = 0; i < 50; ++i) {
    std::string whole;
    Ids want;
    for (int k = 0; k < 40; ++k) {
      std::string part = "c";  // "c" joins nothing behind it
      for (int64_t n = random.Int(0, 8); n > 0; --n) part = (random.Int(0, 1) ? "a" : "b") + part;
      whole += part;
      const Ids ids = t.Encode(part);
      want.insert(want.end(), ids.begin(), ids.end());
    }
    EXPECT_EQ(t.Encode(whole), want);
  }
}

TEST(TokenizerJson, UnsupportedFieldsAreNamed) {
  const auto with = [](const std::string& pointer, const Json& value) {
    Json json = Small();
    json[Json::json_pointer(pointer)] = value;
    return MessageOf(json);
  };
  const auto expect = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(with("/model/type", "Unigram"), "model.type \"Unigram\" is not supported");
  expect(with("/model/dropout", 0.1), "model.dropout 0.1");
  expect(with("/model/continuing_subword_prefix", "##"), "model.continuing_subword_prefix");
  expect(with("/model/end_of_word_suffix", "</w>"), "model.end_of_word_suffix");
  expect(with("/model/unk_token", "zz"), "model.unk_token");
  expect(with("/normalizer", {{"type", "Sequence"},
                              {"normalizers", {{{"type", "NFC"}}, {{"type", "Precompiled"}}}}}),
         "normalizer.normalizers[1].type \"Precompiled\"");
  expect(with("/pre_tokenizer", {{"type", "UnicodeScripts"}}), "pre_tokenizer.type");
  expect(with("/decoder", {{"type", "WordPiece"}}), "decoder.type");
  expect(with("/post_processor", {{"type", "RobertaProcessing"}}), "post_processor.type");
  expect(with("/version", "2.0"), "version");
  expect(with("/added_tokens", {{{"id", 12}, {"content", "<s>"}}}), "added_tokens[0]");
  expect(with("/model/vocab/x", -1), "model.vocab");
  expect(with("/model/vocab/x", 1), "model.vocab");  // two tokens with one id
  expect(with("/model/merges", {"a b c"}), "model.merges");
  const auto split = [](const std::string& pattern) -> Json {
    return {{"type", "Split"},
            {"pattern", {{"Regex", pattern}}},
            {"behavior", "Isolated"},
            {"invert", false}};
  };
  expect(with("/pre_tokenizer", split("[a&&[b]]")), "&& in a class");
  expect(with("/pre_tokenizer", split("(?m:.)")), "the group (?m:");
  expect(with("/pre_tokenizer", split("(a")), "t.json");
}

TEST(TokenizerJson, HostileFilesAreErrors) {
  EXPECT_THROW(Tokenizer::FromJson(std::string(100000, '['), "t"), Error);
  EXPECT_THROW(Tokenizer::FromJson("[1]", "t"), Error);
  EXPECT_THROW(Tokenizer::FromJson("{\"model\": 3}", "t"), Error);
  // Every value replaced by one of another kind: an Error or a tokenizer, never a crash.
  const Json good = Small();
  const Json flat = good.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    for (const Json& bad : {Json(nullptr), Json(-7), Json(1e300), Json("x"), Json::array(),
                            Json::object(), Json(true)}) {
      Json json = good;
      json[Json::json_pointer(pointer)] = bad;
      try {
        Read(json).Encode("abc▁x");
      } catch (const Error&) {
      }
    }
  }
}

TEST(TokenizerJson, RandomBytesOfByteLevelModelsComeBack) {
  const Tokenizer t =
      Tokenizer::Load(RLVR_SOURCE_DIR "/tests/reference/tokenizers/llama3/tokenizer.json");
  Random random(RandomKey(5));
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (int64_t n = random.Int(0, 60); n > 0; --n) text += static_cast<char>(random.Int(0, 255));
    const Ids ids = t.Encode(text);
    EXPECT_EQ(t.Decode(ids), text);
    std::string joined;
    for (const int32_t id : ids) joined += t.TokenBytes(id);
    EXPECT_EQ(joined, text);
  }
}

TEST(TokenizerJson, InvalidBytesFallBackToTheirTokens) {
  const Tokenizer t =
      Tokenizer::Load(RLVR_SOURCE_DIR "/tests/reference/tokenizers/llama2/tokenizer.json");
  const Ids ids = t.Encode("a\xFF");
  EXPECT_EQ(ids.back(), t.TokenId("<0xFF>"));
  EXPECT_EQ(t.Decode(ids), "a\xEF\xBF\xBD");
  EXPECT_EQ(t.TokenBytes(t.TokenId("<0xFF>")), "\xFF");
  EXPECT_EQ(t.TokenBytes(t.TokenId("▁")), " ");
}

TEST(DecodeStream, AnyTokensGiveTheTextOfDecode) {
  for (const char* name : {"llama2", "mistral", "metaspace", "words", "llama3"}) {
    const Tokenizer t = Tokenizer::Load(RLVR_SOURCE_DIR "/tests/reference/tokenizers/" +
                                        std::string(name) + "/tokenizer.json");
    Random random(RandomKey(7));
    for (int i = 0; i < 200; ++i) {
      Ids ids;
      // The first ids of SentencePiece's are bytes: half of the draws come from these.
      for (int64_t n = random.Int(0, 30); n > 0; --n)
        ids.push_back(static_cast<int32_t>(
            random.Int(0, random.Int(0, 1) ? 258 : int64_t{t.vocab_size()} + 3)));
      DecodeStream stream(t);
      std::string text;
      for (const int32_t id : ids) text += stream.Push(id);
      EXPECT_EQ(text + stream.Flush(), t.Decode(ids)) << name;
    }
  }
}

TEST(DecodeStream, CharactersComeWhole) {
  const Tokenizer t =
      Tokenizer::Load(RLVR_SOURCE_DIR "/tests/reference/tokenizers/gpt2/tokenizer.json");
  const auto byte = [&](const char* b) { return t.TokenId(b); };
  DecodeStream stream(t);
  EXPECT_EQ(stream.Push(byte("\xF0")), "");
  EXPECT_EQ(stream.Push(byte("\x9F")), "");
  EXPECT_EQ(stream.Push(byte("\x98")), "");
  EXPECT_EQ(stream.Push(byte("\x80")), "😀");
  EXPECT_EQ(stream.Push(byte("\xE2")), "");
  EXPECT_EQ(stream.Push(byte("a")),
            "\xE2"
            "a");  // no character after all
  EXPECT_EQ(stream.Push(byte("\xC3")), "");
  EXPECT_EQ(stream.Flush(), "\xC3");
}

TEST(TokenizerThreads, EncodeFromManyThreads) {
  const Tokenizer a =
      Tokenizer::Load(RLVR_SOURCE_DIR "/tests/reference/tokenizers/gpt2/tokenizer.json");
  const Tokenizer b =
      Tokenizer::Load(RLVR_SOURCE_DIR "/tests/reference/tokenizers/llama2/tokenizer.json");
  const std::string text = "The quick brown fox, it's 1234 and Zürich 中文 😀.";
  const Ids want_a = a.Encode(text), want_b = b.Encode(text);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 100; ++k) {
        EXPECT_EQ(a.Encode(text), want_a);
        EXPECT_EQ(b.Encode(text), want_b);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

// The scanners against the expressions they stand for, run by PCRE2.
TEST(TokenizerScanner, PiecesAreThoseOfThePatterns) {
  const std::vector<std::string> parts = {
      "a",  "Z", "é", "中",  "ß", "1",  "٣",      "½",      " ",      "  ",     "\t",   "\n",
      "\r", "'", "s", "S",   "ſ", "ll", "VE",     "re",     "d",      "T",      "_",    ".",
      "!",  "🚀", "́",  "​", "᠎", " ",  "\u3000", "\u2028", "\u0085", "\r\n\n", "12345"};
  for (const char* pattern : {kGpt2Pattern, kQwen2Pattern, kLlama3Pattern}) {
    const Pattern expression(pattern, "test");
    const auto scanner = ScannerOf(pattern);
    ASSERT_TRUE(scanner.has_value());
    Random random(RandomKey(11));
    for (int i = 0; i < 3000; ++i) {
      std::string text;
      for (int64_t n = random.Int(1, 12); n > 0; --n)
        text += parts[static_cast<size_t>(random.Int(0, static_cast<int64_t>(parts.size()) - 1))];
      std::vector<std::string> want, got;
      expression.Split(text, [&](size_t b, size_t e) { want.push_back(text.substr(b, e - b)); });
      for (size_t at = 0; at < text.size();) {
        const size_t end = NextPiece(*scanner, text, at);
        got.push_back(text.substr(at, end - at));
        at = end;
      }
      EXPECT_EQ(got, want) << text;
    }
  }
}

TEST(TokenizerUnicode, TailsAndInvalidBytes) {
  using unicode::IncompleteTail;
  EXPECT_EQ(IncompleteTail(""), 0u);
  EXPECT_EQ(IncompleteTail("aé"), 0u);
  EXPECT_EQ(IncompleteTail("a\xC3"), 1u);
  EXPECT_EQ(IncompleteTail("a\xE4\xB8"), 2u);
  EXPECT_EQ(IncompleteTail("\xF0\x9F\x98"), 3u);
  EXPECT_EQ(IncompleteTail("\xF0\x8F\x98"), 0u);  // too long a form of another character
  EXPECT_EQ(IncompleteTail("\xED\xA0"), 0u);      // half of a surrogate pair
  EXPECT_EQ(IncompleteTail("\x80\x80"), 0u);
  // Worked by the rule of maximal subparts (Unicode, section 3.9, table 3-8).
  EXPECT_EQ(unicode::ReplaceInvalid("a\xF1\x80\x80\xE1\x80\xC2"
                                    "b\x80"),
            "a���b�");
  EXPECT_EQ(unicode::ReplaceInvalid("\xC0\xAF\xE0\x80\xBF"), "�����");
}

}  // namespace
}  // namespace rlvr
