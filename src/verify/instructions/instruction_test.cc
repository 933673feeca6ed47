#include "verify/instructions/instruction.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "verify/instructions/instruction_text.h"
#include "verify/instructions/instruction_verifier.h"
#include "verify/instructions/language.h"

namespace rlvr {
namespace {

struct FollowCase {
  const char* id;
  const char* kwargs;
  std::vector<const char*> follow, fail;
};

TEST(Instruction, EachId) {
  const std::vector<FollowCase> cases = {
      {"change_case:capital_word_frequency",
       R"({"capital_relation": "at least", "capital_frequency": 2})",
       {"NASA and ESA", "I AM here", "\"GO\" (NOW)", "I'M", "AND,BUT", "CANNOT"},
       {"NASA and Esa", "X-RAY", "A1 b"}},
      {"change_case:english_capital",
       "{}",
       {"THIS IS A LONG SENTENCE IN ENGLISH THAT IS EASY TO SEE."},
       {"This is.", "123", "ВСЕ ЛЮДИ РОЖДАЮТСЯ СВОБОДНЫМИ И РАВНЫМИ В СВОЕМ ДОСТОИНСТВЕ И ПРАВАХ"}},
      {"change_case:english_lowercase",
       "{}",
       {"this is a long sentence in english, number 1."},
       {"This is.", "tous les \u00eatres humains naissent libres et \u00e9gaux en dignit\u00e9"}},
      {"combination:repeat_prompt",
       R"({"prompt_to_repeat": "Write a poem. "})",
       {"Write a poem.\nRoses", "  WRITE A POEM. x"},
       {"Sure. Write a poem."}},
      {"combination:two_responses",
       "{}",
       {"a\n******\nb", "******a******b"},
       {"a", "a******a", "a******b******c", "a************b"}},
      {"detectable_content:number_placeholders",
       R"({"num_placeholders": 2})",
       {"[a] [b]", "[[a] []"},
       {"[a]", "[a [b]", "[a\n] [b]"}},
      {"detectable_content:postscript",
       R"({"postscript_marker": "P.S."})",
       {"Bye.\nP.S. more", "p. s. more"},
       {"PS more", "P.P.S more"}},
      {"detectable_content:postscript",
       R"({"postscript_marker": "P.P.S"})",
       {"P.P.S more", "p. p. s"},
       {"P.S. more"}},
      {"detectable_format:constrained_response",
       "{}",
       {"My answer is yes.", "Well. My answer is maybe. So."},
       {"my answer is yes.", "My answer is"}},
      {"detectable_format:json_format",
       "{}",
       {"{\"a\": [1, null]}", "```json\n[1]\n```", "```\n\"x\"```", " 12 "},
       {"{a: 1}", "Here: {}", "```json\n[1,]\n```"}},
      {"detectable_format:multiple_sections",
       R"({"section_spliter": "SECTION", "num_sections": 2})",
       {"SECTION 1\nx\nSECTION 2\ny", "SECTION1SECTION2"},
       {"Section 1 Section 2", "SECTION 1", "SECTION  1 SECTION A"}},
      {"detectable_format:number_bullet_lists",
       R"({"num_bullets": 2})",
       {"* a\n* b", "- a\n  - b", "x\n*a\n-b"},
       {"* a", "* a\n* b\n* c", "** a\n** b"}},
      {"detectable_format:number_highlighted_sections",
       R"({"num_highlights": 2})",
       {"*a* and *b*", "**a** *b*", "**a**\n**b**"},
       {"*a*", "*a\nb* *", "** ** * *"}},
      {"detectable_format:title",
       "{}",
       {"<<a>>\nx", "x <<a b>> y", "<<<a>>>"},
       {"<a>", "<<>>", "<< >>", "<<a\n>>"}},
      {"keywords:existence", R"({"keywords": ["Sun", "moon"]})", {"moonlight in SUNDAY"}, {"sun"}},
      {"keywords:forbidden_words",
       R"({"forbidden_words": ["sun"]})",
       {"Sunday", "moon"},
       {"The Sun.", "sun-day"}},
      {"keywords:frequency",
       R"({"keyword": "Ha", "relation": "less than", "frequency": 3})",
       {"haha", "x"},
       {"hahaha"}},
      {"keywords:letter_frequency",
       R"({"letter": "A", "let_relation": "at least", "let_frequency": 3})",
       {"aAa"},
       {"aa\u00e4"}},
      {"language:response_language",
       R"({"language": "de"})",
       {"Alle Menschen sind frei und gleich an W\u00fcrde und Rechten geboren."},
       {"All human beings are born free and equal in dignity and rights."}},
      {"length_constraints:nth_paragraph_first_word",
       R"({"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"})",
       {"x\n\nthen y", "x\n\n'Then, y", "x\n\n\"then\" y\n\n"},
       {"x\n\ny", "then\n\nx", "x\n\nthen\n\nz", "x then"}},
      {"length_constraints:number_paragraphs",
       R"({"num_paragraphs": 2})",
       {"a\n***\nb", "***a***b", "a *** b ***"},
       {"a", "a***b***c", "a******b"}},
      {"length_constraints:number_sentences",
       R"({"relation": "less than", "num_sentences": 3})",
       {"One. Two.", "Dr. Smith and J. K. Rowling met. So it goes", "At 3 p.m. he left."},
       {"One. Two! Three?", "1. A\n2. B\n3. C"}},
      {"length_constraints:number_words",
       R"({"relation": "at least", "num_words": 4})",
       {"it's a dog", "\u00e9t\u00e9 \u4e2d\u6587 x_1 y"},
       {"three words here", "- - - -"}},
      {"punctuation:no_comma", "{}", {"a; b"}, {"a, b"}},
      {"startend:end_checker",
       R"({"end_phrase": "That is all."})",
       {"x That is all.", "\"x THAT IS ALL.\" "},
       {"That is all. Bye"}},
      {"startend:quotation", "{}", {"\"a\"", " \"a b\"\n"}, {"\"", "a\"", "\u201ca\u201d"}},
  };
  std::set<std::string> seen;
  for (const FollowCase& c : cases) {
    const Instruction instruction{c.id, c.kwargs};
    seen.insert(c.id);
    for (const char* r : c.follow) EXPECT_TRUE(Follows(instruction, r, false)) << c.id << ": " << r;
    for (const char* r : c.fail) EXPECT_FALSE(Follows(instruction, r, false)) << c.id << ": " << r;
    EXPECT_FALSE(Follows(instruction, " \n", false)) << c.id;
  }
  EXPECT_EQ(seen.size(), 25u);
  EXPECT_EQ(std::vector<std::string>(seen.begin(), seen.end()), InstructionIds());
}

TEST(Instruction, LooseReadings) {
  const Instruction quotation{"startend:quotation", "{}"};
  const char* framed = "Sure!\n\"a\"\nAnything else?";
  EXPECT_FALSE(Follows(quotation, framed, false));
  EXPECT_TRUE(Follows(quotation, framed, true));
  EXPECT_TRUE(Follows(quotation, "*\"a\"*", true));
  EXPECT_TRUE(Follows(quotation, "Sure!\n**\"a\"**", true));
  EXPECT_FALSE(Follows(quotation, "a\nb\n\"a\"\nc\nd", true));
}

TEST(Instruction, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(ParseInstructions("{}", "t"), Error);
  EXPECT_THROW(ParseInstructions(R"({"instruction_id_list": ["a:b"], "kwargs": [{}]})", "t"),
               Error);
  EXPECT_THROW(
      ParseInstructions(R"({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []})", "t"),
      Error);
  const auto refused = [](const char* id, const char* kwargs) {
    EXPECT_THROW(Follows({id, kwargs}, "text", false), Error) << id << kwargs;
  };
  refused("length_constraints:number_words", "{}");
  refused("length_constraints:number_words", R"({"relation": "at most", "num_words": 3})");
  refused("length_constraints:number_words", R"({"relation": "at least", "num_words": "x"})");
  refused("keywords:existence", R"({"keywords": ["("]})");
  refused("keywords:letter_frequency",
          R"({"letter": "ab", "let_relation": "at least", "let_frequency": 1})");
  refused("language:response_language", R"({"language": "xx"})");
}

TEST(Instruction, HostileResponses) {
  std::string deep(200000, '[');
  for (const std::string& id : InstructionIds()) {
    const Instruction instruction{
        id,
        R"({"capital_relation": "at least", "capital_frequency": 1, "prompt_to_repeat": "x", "num_placeholders": 1,
            "postscript_marker": "P.S.", "section_spliter": "SECTION", "num_sections": 1, "num_bullets": 1,
            "num_highlights": 1, "keywords": ["a"], "forbidden_words": ["a"], "keyword": "a", "relation": "at least",
            "frequency": 1, "letter": "a", "let_relation": "at least", "let_frequency": 1, "language": "en",
            "num_paragraphs": 1, "nth_paragraph": 1, "first_word": "a", "num_sentences": 1, "num_words": 1,
            "end_phrase": "x"})"};
    for (const std::string& response :
         {std::string("\xff\xfe\x80"), std::string(1, '\0'), deep, std::string(100000, '\n') + "x",
          std::string(100000, '*'), std::string(100000, '.'), std::string(100000, '\'')})
      Follows(instruction, response, true);
  }
}

// tests/reference/instructions/make_responses.py: verdicts of the authors' program.
TEST(Instruction, AgreesWithTheReference) {
  std::ifstream file(RLVR_SOURCE_DIR "/tests/reference/instructions/responses.jsonl");
  int rows = 0, same = 0, total = 0;
  std::map<std::string, std::string> disagreements;
  for (std::string line; std::getline(file, line); ++rows) {
    const auto row = nlohmann::json::parse(line);
    const auto instructions = ParseInstructions(line, "row");
    const std::string response = row["response"];
    for (size_t i = 0; i < instructions.size(); ++i) {
      for (const bool loose : {false, true}) {
        const bool got = Follows(instructions[i], response, loose);
        const bool want = row[loose ? "loose" : "strict"][i];
        ++total;
        same += got == want;
        if (got != want) disagreements[instructions[i].id] += " " + row["key"].dump();
      }
    }
  }
  EXPECT_GE(rows, 100);
  EXPECT_GE(same, total * 0.98);
  for (const auto& [id, keys] : disagreements) std::printf("%s:%s\n", id.c_str(), keys.c_str());
}

TEST(InstructionVerifier, JudgesAll) {
  const char* truth =
      R"({"instruction_id_list": ["punctuation:no_comma", "startend:quotation"], "kwargs": [{}, {}]})";
  const auto strict = MakeInstructionVerifier(false), loose = MakeInstructionVerifier(true);
  EXPECT_EQ(strict->Judge("\"a\"", truth).verdict, Verdict::kRight);
  const Judgement half = strict->Judge("*\"a\"*", truth);
  EXPECT_EQ(half.verdict, Verdict::kWrong);
  EXPECT_EQ(half.reason, "does not follow startend:quotation");
  EXPECT_EQ(half.metrics[0].second, 0.5);
  EXPECT_EQ(loose->Judge("*\"a\"*", truth).verdict, Verdict::kRight);
  EXPECT_EQ(strict->Judge("x", "12").verdict, Verdict::kBroken);
  JudgedPrompt prompt;
  prompt.extra_info = truth;
  EXPECT_EQ(strict->JudgePrompt(prompt, "\"a\"").verdict, Verdict::kRight);
}

TEST(Sentences, Counts) {
  const auto count = [](const char* text) { return CountSentences(Characters(text)); };
  EXPECT_EQ(count(""), 0);
  EXPECT_EQ(count("no end"), 1);
  EXPECT_EQ(count("One. Two? Three!"), 3);
  EXPECT_EQ(count("He said \"Stop!\" and left."), 2);
  EXPECT_EQ(count("It costs 3.50 dollars. Version 1.2.3 is out."), 2);
  EXPECT_EQ(count("Mr. Fox met Dr. No."), 1);
  EXPECT_EQ(count("See e.g. the sun, i.e. a star."), 1);
  EXPECT_EQ(count("He lives in the U.S. The sun shines."), 2);
  EXPECT_EQ(count("A title\n\nOne line\nmore."), 1);
}

}  // namespace
}  // namespace rlvr
