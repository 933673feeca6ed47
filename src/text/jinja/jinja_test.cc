#include "text/jinja/jinja.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"

namespace rlvr::jinja {
namespace {

using Json = nlohmann::ordered_json;

std::string Render(const std::string& source, const std::string& variables = "{}") {
  std::vector<std::pair<std::string, Value>> given;
  const Value dict = ParseJson(variables, kFromData);
  for (const auto& [key, value] : dict.dict().items) given.emplace_back(key.text().bytes, value);
  return Template(source, "t").Render(given, /*now=*/1721995200).text.bytes;  // 26 July 2024
}

// What it says where it fails; empty: it does not.
std::string Refusal(const std::string& source, const std::string& variables = "{}") {
  try {
    Render(source, variables);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

// tests/reference/chat_templates/make_language.py: the first line has the variables.
TEST(Jinja, AsTransformersRendersIt) {
  std::ifstream file(RLVR_SOURCE_DIR "/tests/reference/chat_templates/language.jsonl");
  std::string line, variables;
  ASSERT_TRUE(std::getline(file, line));
  variables = Json::parse(line).at("variables").dump();
  int64_t cases = 0;
  while (std::getline(file, line)) {
    const Json row = Json::parse(line);
    const auto source = row.at("source").get<std::string>();
    ++cases;
    std::optional<std::string> got;
    std::string refusal;
    try {
      got = Render(source, variables);
    } catch (const Error& e) {
      refusal = e.what();
    }
    if (row.at("expected").is_null()) {
      EXPECT_FALSE(got) << source << "\n" << *got;
    } else {
      EXPECT_EQ(got.value_or(refusal), row["expected"].get<std::string>()) << source;
    }
  }
  EXPECT_GT(cases, 500);
}

TEST(Jinja, FailuresNameTheLineAndWhatIsMissing) {
  EXPECT_EQ(Refusal("a\n{{ x.y }}").substr(0, 21), "t:2: 'x' is undefined");
  EXPECT_NE(Refusal("\n\n{{ raise_exception('no system') }}")
                .find("t:3: the template refuses: no system"),
            std::string::npos);
  EXPECT_NE(Refusal("{% include 'x' %}").find("the tag 'include' is not supported"),
            std::string::npos);
  EXPECT_NE(Refusal("{{ 'a' | wordwrap }}").find("the filter 'wordwrap' is not supported"),
            std::string::npos);
  EXPECT_NE(Refusal("{{ 'a'.encode() }}").find(".encode of str is not supported"),
            std::string::npos);
  EXPECT_NE(Refusal("{% if x %}\na").find("'if' of line 1 has no end"), std::string::npos);
}

std::string Times(const std::string& text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

TEST(Jinja, HostileTemplatesEnd) {
  const std::vector<std::string> sources = {
      // Strings and lists that double, lists in lists, loops in loops.
      "{% set n = namespace(x='ab') %}{% for i in range(90) %}{% set n.x = n.x + n.x %}{% endfor "
      "%}",
      "{% set n = namespace(x=[1]) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor "
      "%}",
      "{% set n = namespace(x=1) %}{% for i in range(9000) %}{% set n.x = [n.x] %}{% endfor %}",
      "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
      // One step that would make too much.
      "{% for i in range(10 ** 12) %}{% endfor %}", "{{ 'x' * 10 ** 12 }}", "{{ [1] * 10 ** 12 }}",
      "{{ 2 ** 4000000 }}", "{{ ('ab' * 2000000) | replace('', 'xxxxx') }}",
      "{{ ['a' * 10000000] * 2 }}", "{{ 'a' | indent(10 ** 10, true) }}",
      // Recursion of macros, blocks and expressions.
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f() %}{{ f() ~ f() }}{% endmacro %}{{ f() }}",
      Times("{% if true %}", 5000) + Times("{% endif %}", 5000),
      "{{ " + Times("(", 5000) + "1" + Times(")", 5000) + " }}",
      "{{ " + Times("[", 5000) + Times("]", 5000) + " }}", "{{ " + Times("not ", 5000) + "1 }}",
      "{{ " + Times("-", 5000) + "1 }}", "{{ x" + Times(".a", 5000) + " }}",
      "{{ 1" + Times(" + 1", 5000) + " }}", "{{ 'a'" + Times(" | trim", 5000) + " }}",
      "{{ 1" + Times(" if 1 else 1", 5000) + " }}",
      "{% set " + Times("(", 5000) + "a" + Times(")", 5000) + " = 1 %}"};
  for (const std::string& source : sources) {
    const std::string refusal = Refusal(source);
    EXPECT_TRUE(refusal.find("too") != std::string::npos ||
                refusal.find("more than") != std::string::npos)
        << source.substr(0, 100) << ": " << refusal;
  }
  // A namespace that holds itself ends with the render.
  EXPECT_EQ(Render("{% set n = namespace() %}{% set n.n = n %}{% macro f() %}{% endmacro %}"
                   "{% set n.f = f %}{{ n.n.n is defined }}"),
            "True");
}

TEST(Jinja, EveryByteKnowsWhereItIsFrom) {
  const std::vector<std::pair<std::string, Value>> given = {
      {"c", Value(Text("  <a>b  ", kFromData))}};
  const auto from = [&](const std::string& source) {
    const Text text = Template(source, "t").Render(given).text;
    std::string marked;
    for (size_t i = 0; i < text.size(); ++i)
      marked += text.from[i] == kFromData ? text.bytes[i] : '.';
    return marked;
  };
  EXPECT_EQ(from("<a>{{ c }}<a>"), "...  <a>b  ...");
  EXPECT_EQ(from("{{ '<a>' + c | trim + '<a>' }}"), "...<a>b...");
  EXPECT_EQ(from("{{ (c ~ '<a>').split('>')[-2] }}"), "b  ..");
  EXPECT_EQ(from("{{ c | replace('b', '<b>') | upper }}"), "  <A>...  ");
  EXPECT_EQ(from("{{ [c[2:5], c[::-1] | first] }}"), "..<a>.... ..");
  EXPECT_EQ(from("{{ {'k': c} | tojson }}"), ".......  <a>b  ..");
  EXPECT_EQ(
      from(
          "{% set x %}{{ c }}{% endset %}{% macro f(y) %}({{ y | trim }}){% endmacro %}{{ f(x) }}"),
      ".<a>b.");
  EXPECT_EQ(from("{{ ['x', 'y'] | join(c) }}"), ".  <a>b  .");
  EXPECT_EQ(from("{{ c.rsplit('a', 1)[0] }}|{{ c.split() | join('-') }}"), "  <.<a>b");
}

TEST(Jinja, GenerationBlocksAreSpans) {
  const auto rendered =
      Template("ab{% generation %}cd{% endgeneration %}e{% generation %}f{% endgeneration %}", "t")
          .Render({});
  EXPECT_EQ(rendered.text.bytes, "abcdef");
  EXPECT_EQ(rendered.generated, (std::vector<std::pair<size_t, size_t>>{{2, 4}, {5, 6}}));
}

}  // namespace
}  // namespace rlvr::jinja
