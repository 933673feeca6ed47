// The unit tests of a prompt about code, in the layouts that data sets have them, and the programs
// that run them.
#ifndef RLVR_VERIFY_SANDBOX_CODE_TESTS_H_
#define RLVR_VERIFY_SANDBOX_CODE_TESTS_H_
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rlvr {

// One run of the program.
struct CodeTest {
  enum class Kind {
    kOutput,  // reads `input`, should print `expected`
    kCall,  // `function` with the arguments in `input` (a JSON list) should return `expected` (JSON)
    kAssert,  // `input` is Python to run after the program; it must not raise
  };
  Kind kind = Kind::kOutput;
  std::string input, expected, function;
};

// ground_truth is JSON, or JSON text within a JSON string, in one of these layouts:
//   {"inputs": ["3\n"], "outputs": ["9\n"]}                   APPS, TACO, CodeContests, verl
//   the same with "fn_name": "f": inputs are lists of arguments (or lines of JSON, one an argument)
//   [{"input": "3\n", "output": "9\n", "testtype": "stdin"}]  LiveCodeBench; "functional" needs
//                                                             "fn_name" or "metadata": {"func_name"}
//   ["assert f(3) == 9", ...]                                 open-instruct
//   {"test_list": [...], "test_setup_code": "..."}            MBPP (also test_imports)
//   {"test": "def check(candidate): ...", "entry_point": "f"} HumanEval
// nullopt: none of them, and *error says so.
std::optional<std::vector<CodeTest>> ParseCodeTests(std::string_view ground_truth,
                                                    std::string* error);

// The last fenced block of Python (or of no language, or else of any), which may lack its end where
// the response was cut; without a fence the whole response. nullopt: a blank program.
std::optional<std::string> ExtractCode(std::string_view response);

// What runs one test. The mark is printed at the end by a program that ran a test of kind kAssert,
// and by one of kCall before the returned value, in one line.
struct TestProgram {
  std::string code, input, mark;
  std::vector<std::pair<std::string, std::string>> files;  // beside it: name, content
};
TestProgram MakeTestProgram(const CodeTest& test, const std::string& code, const std::string& mark);

// Lines alike but for blanks at their ends and blank lines at the end; else word by word, where two
// numbers are alike within `tolerance` of the larger.
bool SameOutput(std::string_view got, std::string_view expected, double tolerance);
// The value behind the mark, as JSON; tuples are lists.
bool SameReturn(std::string_view out, const TestProgram& program, const std::string& expected,
                double tolerance);

}  // namespace rlvr
#endif  // RLVR_VERIFY_SANDBOX_CODE_TESTS_H_
