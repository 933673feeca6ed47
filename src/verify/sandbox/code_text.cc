// Text on the way in and out of programs: their extraction from responses, what is put around them
// for a test, and the comparison of what they print.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "verify/sandbox/code_tests.h"

namespace rlvr {
namespace {

std::string_view TrimEnd(std::string_view s) {
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r'))
    s.remove_suffix(1);
  return s;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(TrimEnd(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  for (size_t begin = 0;
       (begin = text.find_first_not_of(kBlanks, begin)) != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::optional<double> DecimalNumber(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  double value = 0;
  const auto result = std::from_chars(word.data(), word.data() + word.size(), value);
  if (result.ec != std::errc() || result.ptr != word.data() + word.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

bool SameWord(std::string_view a, std::string_view b, double tolerance) {
  if (a == b) return true;
  // Whole numbers are exact, also beyond what a double holds.
  if (a.find_first_of(".eE") == std::string_view::npos &&
      b.find_first_of(".eE") == std::string_view::npos)
    return false;
  const auto x = DecimalNumber(a), y = DecimalNumber(b);
  return x && y && std::abs(*x - *y) <= tolerance * std::max(std::abs(*x), std::abs(*y));
}

}  // namespace

std::optional<std::string> ExtractCode(std::string_view response) {
  struct Block {
    std::string_view language, code;
  };
  std::optional<Block> python, plain, any;
  bool fenced = false;
  constexpr std::string_view kFence = "```";
  for (size_t at = 0; (at = response.find(kFence, at)) != std::string_view::npos;) {
    // A fence begins its line, but for blanks.
    const size_t line = response.rfind('\n', at) + 1;  // npos + 1 is 0
    if (response.substr(line, at - line).find_first_not_of(" \t") != std::string_view::npos) {
      at += kFence.size();
      continue;
    }
    size_t end_of_line = response.find('\n', at);
    if (end_of_line == std::string_view::npos) break;  // nothing behind it
    const std::string_view language =
        TrimEnd(response.substr(at + kFence.size(), end_of_line - at - kFence.size()));
    size_t close = response.find("\n```", end_of_line);
    const size_t stop = close == std::string_view::npos ? response.size() : close + 1;
    const Block block{
        language,
        response.substr(end_of_line + 1, stop > end_of_line + 1 ? stop - end_of_line - 1 : 0)};
    fenced = true;
    if (language == "python" || language == "py" || language == "python3" || language == "Python")
      python = block;
    else if (language.empty())
      plain = block;
    any = block;
    if (close == std::string_view::npos) break;
    at = close + 4;
  }
  const std::string_view code = python   ? python->code
                                : plain  ? plain->code
                                : fenced ? any->code
                                         : response;
  if (code.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::nullopt;
  return std::string(code);
}

TestProgram MakeTestProgram(const CodeTest& test, const std::string& code,
                            const std::string& mark) {
  if (test.kind == CodeTest::Kind::kOutput) return {.code = code, .input = test.input};
  // The program is not __main__, so that what it only does as a program of its own is left out. The
  // mark comes over stdin, after it has had its say: where it leaves early (sys.exit) there is none.
  // Expected values of calls never enter the sandbox.
  std::string driver =
      "import json as _json, sys as _sys\n"
      "__name__ = 'response'\n"
      "_sys.modules['response'] = _sys.modules['__main__']\n"
      "exec(compile(open('response.py').read(), 'response.py', 'exec'), globals())\n";
  TestProgram program{.input = mark + "\n", .mark = mark, .files = {{"response.py", code}}};
  if (test.kind == CodeTest::Kind::kAssert) {
    program.code = driver + test.input + "\n_sys.stdout.write('\\n' + _sys.stdin.readline())\n";
    return program;
  }
  program.code = driver +
                 "_mark = _sys.stdin.readline().rstrip('\\n')\n"
                 "_arguments = _json.loads(_sys.stdin.read())\n"
                 "_function = getattr(Solution(), '" +
                 test.function + "') if 'Solution' in globals() else globals()['" + test.function +
                 "']\n"
                 "_value = _function(*_arguments)\n"
                 "_sys.stdout.write('\\n' + _mark + _json.dumps(_value, default=list) + '\\n')\n";
  program.input += test.input;
  return program;
}

bool SameOutput(std::string_view got, std::string_view expected, double tolerance) {
  if (Lines(got) == Lines(expected)) return true;
  const auto a = Words(got), b = Words(expected);
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!SameWord(a[i], b[i], tolerance)) return false;
  return true;
}

}  // namespace rlvr
