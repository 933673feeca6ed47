// Runs a parsed template. Filters, tests, methods and functions are in files of their own; they are
// given the interpreter for what they call back, and to pay for what they do.
#ifndef RLVR_TEXT_JINJA_INTERPRETER_H_
#define RLVR_TEXT_JINJA_INTERPRETER_H_
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/value.h"

namespace rlvr::jinja {

// Variables of a block; those of the blocks around it are its parents'.
struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<std::string, Value>> variables;
  bool kept = false;  // a macro looks into it

  const Value* Find(const std::string& name) const;  // here or in a parent
  void Set(const std::string& name, Value value);    // here
};

class Interpreter {
 public:
  // now: seconds since 1970 for strftime_now; < 0: the clock's.
  Interpreter(std::string place, int64_t now) : place_(std::move(place)), now_(now) {}
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // Throws Error: place:LINE.
  void Run(const Block& block, std::vector<std::pair<std::string, Value>> variables);
  const Text& output() const { return output_; }
  // Of output: [begin, end) of each generation block.
  const std::vector<std::pair<size_t, size_t>>& generated() const { return generated_; }

  // A template may do so much work and no more: a unit is a node of its tree, an item of a list or
  // 32 bytes of a string.
  void Spend(int64_t work);
  void SpendOn(const Value& value) { Spend(value.weight()); }
  // A string of so many bytes is about to be made.
  void SpendOnBytes(size_t bytes);
  Value Call(const Value& callee, const Arguments& arguments);
  Namespace* NewNamespace();
  int64_t now() const { return now_; }

 private:
  enum class Flow { kOn, kBreak, kContinue };

  // Statements (interpreter.cc).
  Flow Execute(const Block& block);
  Flow ExecuteOne(const Statement& statement);
  Flow ExecuteIf(const Statement& statement);
  Flow ExecuteFor(const Statement& statement);
  void DefineMacro(const Statement& statement);
  Value CallMacro(const Statement& macro, Scope* defined_in, const Arguments& arguments);
  void ExecuteCallBlock(const Statement& statement);
  void Assign(const Expression& target, const Value& value);
  void Write(const Text& text);
  Text Captured(const Block& block);  // what it writes, in a scope of its own
  void KeepScopes();

  // Expressions (evaluate.cc).
  Value Evaluate(const Expression& node);
  Value EvaluateNode(const Expression& node);
  Value EvaluateSlice(const Expression& node);
  Value EvaluateCompare(const Expression& node);
  Value EvaluateConcat(const Expression& node);
  Arguments EvaluateArguments(const Expression& node);
  // What a chain of filters makes of a value that stands before it.
  Value FilterBlock(const Expression& chain, Value value);

  [[noreturn]] void Fail(int line, const std::string& what) const;

  class InScope;

  const std::string place_;
  const int64_t now_;
  Text output_;
  Text* out_ = &output_;
  std::vector<std::pair<size_t, size_t>> generated_;
  Scope* scope_ = nullptr;
  std::deque<std::unique_ptr<Scope>> kept_;
  std::deque<Namespace> namespaces_;
  int64_t work_ = 0;
  int depth_ = 0;
};

// Arguments by the names of the parameters; the first `required` must be given. Throws Failure.
class Parameters {
 public:
  Parameters(const std::string& of, const Arguments& arguments,
             std::initializer_list<const char*> names, size_t required = 0);
  const Value* operator[](size_t i) const { return values_[i]; }  // null: left out
  int64_t Integer(size_t i, int64_t otherwise) const;
  bool Boolean(size_t i, bool otherwise) const {
    return values_[i] ? IsTrue(*values_[i]) : otherwise;
  }
  // null: left out, or none.
  const Text* String(size_t i) const;

 private:
  const std::string of_;
  std::vector<const Value*> values_;
};

// a + b, and so on; name as written.
Value Arithmetic(Interpreter& in, const std::string& name, const Value& a, const Value& b);
Value Negative(const Value& value);
// object.name and object[key], as Jinja's sandbox allows them.
Value Attribute(const Value& object, const std::string& name);
Value Item(Interpreter& in, const Value& object, const Value& key);
// Of Python's str, list and dict; undefined if the type has no such method. Throws Failure for
// those that change a value, and those that are not supported.
Value Method(const Value& object, const std::string& name);
Value CallMethod(Interpreter& in, const Value& object, const std::string& name,
                 const Arguments& arguments);

Value ApplyFilter(Interpreter& in, const std::string& name, const Value& value,
                  const Arguments& arguments);
bool ApplyTest(Interpreter& in, const std::string& name, const Value& value,
               const Arguments& arguments);
// range, dict, namespace, raise_exception, strftime_now.
std::vector<std::pair<std::string, Value>> GlobalFunctions();

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_INTERPRETER_H_
