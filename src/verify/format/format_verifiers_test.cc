#include "verify/format/format_verifiers.h"

#include <gtest/gtest.h>

#include "verify/format/bounded_pattern.h"
#include "verify/format/json_schema.h"

namespace rlvr {
namespace {

TEST(ExactVerifier, ComparesTheAnswerOrAll) {
  const auto verifier = MakeExactVerifier();
  EXPECT_EQ(verifier->Judge(" yes\n", "yes").verdict, Verdict::kRight);
  EXPECT_EQ(verifier->Judge("So it is.\nAnswer: yes", "yes ").verdict, Verdict::kRight);
  EXPECT_EQ(verifier->Judge("Yes", "yes").verdict, Verdict::kWrong);
  EXPECT_EQ(verifier->Judge("", "yes").verdict, Verdict::kWrong);
}

TEST(RegexVerifier, Matches) {
  const auto verifier = MakeRegexVerifier();
  EXPECT_EQ(verifier->Judge("a\nAnswer: 12\nb", R"(^Answer: \d+$)").verdict, Verdict::kRight);
  EXPECT_EQ(verifier->Judge("Answer: x", R"(^Answer: \d+$)").verdict, Verdict::kWrong);
  EXPECT_EQ(verifier->Judge("\xc3\xa9t\xc3\xa9", R"(\A\w{3}\z)").verdict, Verdict::kRight);
  EXPECT_EQ(verifier->Judge("\xff ok", "ok").verdict, Verdict::kRight);
  EXPECT_EQ(verifier->Judge("x", "(").verdict, Verdict::kBroken);
  EXPECT_EQ(verifier->Judge(std::string(5000, 'a') + "b", "(a+)+$").verdict, Verdict::kTimedOut);
  EXPECT_EQ(verifier->Judge(std::string(1 << 20, 'a'), "^(?:a|b)*$").verdict, Verdict::kTimedOut);
}

TEST(BoundedPattern, Counts) {
  EXPECT_EQ(BoundedPattern("a", {}).Count("banana"), 3);
  EXPECT_EQ(BoundedPattern("x*", {}).Count("\xc3\xa9x"), 3);  // before, at and after x
  EXPECT_EQ(BoundedPattern("A", {.ignore_case = true}).Count("aA"), 2);
  EXPECT_EQ(BoundedPattern("(a+)+$", {}).Count(std::string(5000, 'a') + "b"), -1);
}

SchemaResult::Outcome Check(const char* schema, const char* value) {
  return CheckJsonSchema(schema, value).outcome;
}
constexpr auto kValid = SchemaResult::Outcome::kValid, kInvalid = SchemaResult::Outcome::kInvalid,
               kBadSchema = SchemaResult::Outcome::kBadSchema;

struct SchemaCase {
  const char* schema;
  std::vector<const char*> valid, invalid;
};

TEST(JsonSchema, Keywords) {
  const std::vector<SchemaCase> cases = {
      {"true", {"1"}, {"{"}},
      {"false", {}, {"1"}},
      {R"({"type": "integer"})", {"1", "-2", "1.0"}, {"1.5", "\"1\"", "null", "[]"}},
      {R"({"type": ["string", "null"]})", {"\"\"", "null"}, {"0"}},
      {R"({"enum": [1, "a", [2]]})", {"1", "\"a\"", "[2]"}, {"2", "[]"}},
      {R"({"const": {"a": 1}})", {R"({"a": 1})"}, {"{}"}},
      {R"({"minimum": 2, "exclusiveMaximum": 4})", {"2", "3.9", "\"x\""}, {"1", "4"}},
      {R"({"multipleOf": 0.1})", {"0.3", "7"}, {"0.35"}},
      {R"({"minLength": 2, "maxLength": 3})",
       {"\"\u00e9\u00e9\"", "\"abc\""},
       {"\"a\"", "\"abcd\""}},
      {R"({"pattern": "^a\\d"})", {"\"a1b\""}, {"\"ba1\""}},
      {R"({"items": {"type": "number"}, "minItems": 1, "maxItems": 2})",
       {"[1]", "[1, 2]"},
       {"[]", "[1, 2, 3]", "[\"a\"]"}},
      {R"({"prefixItems": [{"type": "string"}], "items": false})",
       {"[]", "[\"a\"]"},
       {"[1]", "[\"a\", 1]"}},
      {R"({"uniqueItems": true})", {"[1, 2]"}, {"[1, 2, 1]"}},
      {R"({"contains": {"type": "null"}})", {"[1, null]"}, {"[]", "[1]"}},
      {R"({"properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false})",
       {R"({"a": 1})", "[]"},
       {"{}", R"({"a": "1"})", R"({"a": 1, "b": 2})"}},
      {R"({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": {"type": "string"}})",
       {R"({"n_x": 1, "y": "z"})"},
       {R"({"n_x": "1"})", R"({"y": 1})"}},
      {R"({"propertyNames": {"maxLength": 2}, "minProperties": 1, "maxProperties": 2})",
       {R"({"ab": 1})"},
       {"{}", R"({"abc": 1})", R"({"a": 1, "b": 1, "c": 1})"}},
      {R"({"dependentRequired": {"a": ["b"]}})", {"{}", R"({"a": 1, "b": 1})"}, {R"({"a": 1})"}},
      {R"({"allOf": [{"minimum": 1}, {"maximum": 2}]})", {"1"}, {"0", "3"}},
      {R"({"anyOf": [{"type": "string"}, {"minimum": 3}]})", {"\"a\"", "3"}, {"2"}},
      {R"({"oneOf": [{"minimum": 1}, {"minimum": 3}]})", {"1"}, {"0", "3"}},
      {R"({"not": {"type": "string"}})", {"1"}, {"\"a\""}},
      {R"({"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"type": "null"}})",
       {"\"a\"", "null"},
       {"\"\"", "1"}},
      {R"({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}})",
       {"[]", "[[], [[]]]"},
       {"[1]", "[[], [2]]"}},
  };
  for (const SchemaCase& c : cases) {
    for (const char* v : c.valid) EXPECT_EQ(Check(c.schema, v), kValid) << c.schema << " " << v;
    for (const char* v : c.invalid) EXPECT_EQ(Check(c.schema, v), kInvalid) << c.schema << " " << v;
  }
}

TEST(JsonSchema, BadSchemas) {
  for (const char* schema :
       {"{", "1", R"({"type": "text"})", R"({"requires": []})", R"({"$ref": "http://x/y"})",
        R"({"$ref": "#/nowhere"})", R"({"$ref": "#"})", R"({"pattern": "("})", R"({"enum": 1})",
        R"({"minLength": -1})", R"({"unevaluatedProperties": false})"})
    EXPECT_EQ(Check(schema, "\"a\""), kBadSchema) << schema;
  EXPECT_NE(CheckJsonSchema(R"({"requires": []})", "1").reason.find("requires"), std::string::npos);
}

TEST(JsonSchema, Hostile) {
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  EXPECT_EQ(CheckJsonSchema("{}", deep).outcome, kInvalid);
  EXPECT_EQ(CheckJsonSchema(deep, "1").outcome, kBadSchema);
  std::string many = "[0";
  for (int i = 0; i < 20000; ++i) many += ",0";
  const char* slow =
      R"({"items": {"anyOf": [{"allOf": [{}, {}, {}, {}, {}, {}, {}]}, {"$ref": "#/items/anyOf/0"},
      {"$ref": "#/items/anyOf/0"}, {"$ref": "#/items/anyOf/0"}, {"$ref": "#/items/anyOf/0"},
      {"$ref": "#/items/anyOf/0"}, {"$ref": "#/items/anyOf/0"}, {"$ref": "#/items/anyOf/0"}]}})";
  EXPECT_EQ(CheckJsonSchema(slow, many + "]").outcome, kBadSchema);
}

TEST(JsonSchemaVerifier, FindsTheJson) {
  const auto verifier = MakeJsonSchemaVerifier();
  const char* schema = R"({"type": "object", "required": ["a"]})";
  EXPECT_EQ(verifier->Judge(R"( {"a": 1} )", schema).verdict, Verdict::kRight);
  EXPECT_EQ(verifier->Judge("Here:\n```json\n{\"a\": 1}\n```\nDone.", schema).verdict,
            Verdict::kRight);
  EXPECT_EQ(verifier->Judge("```\n{\"a\": 1}\n```", schema).verdict, Verdict::kRight);
  EXPECT_EQ(verifier->Judge("It is {\"a\": 1}", schema).verdict, Verdict::kWrong);
  EXPECT_EQ(verifier->Judge("```json\n{\"b\": 1}\n```", schema).reason, "the value: has no 'a'");
  EXPECT_EQ(verifier->Judge("{}", "{\"typ\": 1}").verdict, Verdict::kBroken);
}

}  // namespace
}  // namespace rlvr
