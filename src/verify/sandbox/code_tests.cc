#include "verify/sandbox/code_tests.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace rlvr {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostTests = 10000;

std::string AsText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string lines;  // TACO has lists of lines
  for (const Json& line : value) lines += (lines.empty() ? "" : "\n") + AsText(line);
  return lines;
}

// The arguments of a call as a JSON list: a list already, or text with one JSON value a line.
std::optional<std::string> Arguments(const Json& value) {
  if (value.is_array()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!value.is_string()) return std::nullopt;
  Json list = Json::array();
  const std::string text = value.get<std::string>();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    Json argument = Json::parse(line, nullptr, false);
    if (argument.is_discarded()) return std::nullopt;
    list.push_back(std::move(argument));
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A returned value: JSON text, or a value; APPS wraps it in a list of one.
std::string Returned(const Json& value, bool wrapped) {
  Json v = value;
  if (v.is_string()) {
    const Json parsed = Json::parse(v.get<std::string>(), nullptr, false);
    if (!parsed.is_discarded() && !wrapped) v = parsed;
  } else if (wrapped && v.is_array() && v.size() == 1) {
    v = Json(v[0]);
  }
  return v.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool AddPair(const Json& input, const Json& output, const std::string& function, bool wrapped,
             std::vector<CodeTest>* tests) {
  if (function.empty()) {
    tests->push_back({CodeTest::Kind::kOutput, AsText(input), AsText(output), ""});
    return true;
  }
  const auto arguments = Arguments(input);
  if (!arguments) return false;
  tests->push_back({CodeTest::Kind::kCall, *arguments, Returned(output, wrapped), function});
  return true;
}

std::string TextAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool ParseObject(const Json& truth, std::vector<CodeTest>* tests) {
  if (truth.contains("inputs") && truth.contains("outputs")) {
    const Json &in = truth["inputs"], &out = truth["outputs"];
    if (!in.is_array() || !out.is_array() || in.size() != out.size()) return false;
    const std::string function = TextAt(truth, "fn_name");
    for (size_t i = 0; i < in.size(); ++i)
      if (!AddPair(in[i], out[i], function, true, tests)) return false;
    return true;
  }
  std::string setup = TextAt(truth, "test_setup_code");
  if (truth.contains("test_imports"))
    setup += (setup.empty() ? "" : "\n") + AsText(truth["test_imports"]);
  if (!setup.empty()) setup += "\n";
  for (const char* key : {"test_list", "tests", "asserts"}) {
    if (!truth.contains(key) || !truth[key].is_array()) continue;
    for (const Json& test : truth[key]) {
      if (!test.is_string()) return false;
      tests->push_back({CodeTest::Kind::kAssert, setup + test.get<std::string>(), "", ""});
    }
    return true;
  }
  const std::string test = TextAt(truth, "test"), entry = TextAt(truth, "entry_point");
  if (test.empty()) return false;
  tests->push_back({CodeTest::Kind::kAssert,
                    setup + test + (entry.empty() ? "" : "\ncheck(" + entry + ")"), "", ""});
  return true;
}

bool ParseList(const Json& truth, std::vector<CodeTest>* tests) {
  for (const Json& item : truth) {
    if (item.is_string()) {
      tests->push_back({CodeTest::Kind::kAssert, item.get<std::string>(), "", ""});
      continue;
    }
    if (!item.is_object() || !item.contains("input") || !item.contains("output")) return false;
    std::string function;
    if (TextAt(item, "testtype") == "functional") {
      function = TextAt(item, "fn_name");
      const auto metadata = item.find("metadata");
      if (function.empty() && metadata != item.end() && metadata->is_object())
        function = TextAt(*metadata, "func_name");
      if (function.empty()) return false;
    }
    if (!AddPair(item["input"], item["output"], function, false, tests)) return false;
  }
  return true;
}

bool SameJson(const Json& a, const Json& b, double tolerance) {
  if (a.is_number() && b.is_number()) {
    if (a.is_number_integer() && b.is_number_integer()) return a == b;
    const double x = a.get<double>(), y = b.get<double>();
    return x == y || std::abs(x - y) <= tolerance * std::max(std::abs(x), std::abs(y));
  }
  if (a.is_array() && b.is_array()) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(),
                      [&](const Json& x, const Json& y) { return SameJson(x, y, tolerance); });
  }
  return a == b;
}

}  // namespace

std::optional<std::vector<CodeTest>> ParseCodeTests(std::string_view ground_truth,
                                                    std::string* error) {
  Json truth = Json::parse(ground_truth, nullptr, false);
  if (truth.is_string()) truth = Json::parse(truth.get<std::string>(), nullptr, false);
  std::vector<CodeTest> tests;
  const bool known = (truth.is_object() && ParseObject(truth, &tests)) ||
                     (truth.is_array() && ParseList(truth, &tests));
  if (!known || tests.empty() || tests.size() > kMostTests) {
    *error = tests.size() > kMostTests
                 ? "ground_truth has more than 10000 tests"
                 : "ground_truth has no unit tests in a layout of docs/sandbox.md";
    return std::nullopt;
  }
  return tests;
}

bool SameReturn(std::string_view out, const TestProgram& program, const std::string& expected,
                double tolerance) {
  const size_t at = out.rfind(program.mark);
  if (at == std::string_view::npos) return false;
  std::string_view text = out.substr(at + program.mark.size());
  text = text.substr(0, text.find('\n'));
  const Json got = Json::parse(text, nullptr, false), want = Json::parse(expected, nullptr, false);
  if (got.is_discarded() || want.is_discarded()) return false;
  return SameJson(got, want, tolerance);
}

}  // namespace rlvr
