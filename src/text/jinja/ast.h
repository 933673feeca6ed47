// A parsed template: expressions and statements, each with its line.
#ifndef RLVR_TEXT_JINJA_AST_H_
#define RLVR_TEXT_JINJA_AST_H_
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace rlvr::jinja {

// What walks the tree is recursive.
inline constexpr int kMaxTreeDepth = 200;

struct Expression;
struct Statement;
using ExpressionPointer = std::unique_ptr<Expression>;
using Block = std::vector<std::unique_ptr<Statement>>;

enum class ExpressionKind {
  kConstant,   // value
  kName,       // name
  kList,       // parts
  kTuple,      // parts
  kDict,       // parts: key, value, key, value, ...
  kAttribute,  // parts[0].name
  kItem,       // parts[0][parts[1]]
  kSlice,      // parts[0][parts[1]:parts[2]:parts[3]], null: left out
  kCall,       // parts[0](...)
  kFilter,     // parts[0] | name(...); in a filter block parts[0] is null
  kTest,       // parts[0] is name(...)
  kNot,
  kNegative,
  kPositive,
  kAnd,
  kOr,
  kArithmetic,  // parts[0] name parts[1]
  kConcat,      // ~ of parts
  kCompare,     // parts[0] names[0] parts[1] names[1] parts[2] ...
  kIf,          // parts[1] if parts[0] else parts[2] (null: undefined)
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kConstant;
  int line = 0;
  int depth = 1;  // of the tree below
  Value value;
  std::string name;
  std::vector<std::string> names;
  std::vector<ExpressionPointer> parts;
  // Of a call, a filter or a test.
  std::vector<ExpressionPointer> arguments;
  std::vector<std::pair<std::string, ExpressionPointer>> named;
  ExpressionPointer more_arguments, more_named;  // *list, **dict
};

enum class StatementKind {
  kText,        // text
  kPrint,       // value
  kIf,          // branches, in order; a null condition is else's
  kFor,         // for target in value if condition: body, else: otherwise
  kSet,         // target = value
  kSetBlock,    // target = what body writes, through value (a filter, may be null)
  kMacro,       // name(parameters): body
  kCallBlock,   // value is the call; its caller(parameters) is the body
  kFilter,      // value is a chain of filters of what body writes
  kWith,        // targets[i] = values[i], for the body
  kGeneration,  // body is what the assistant writes
  kBreak,
  kContinue,
};

struct Statement {
  StatementKind kind = StatementKind::kText;
  int line = 0;
  std::string text;  // or a macro's name
  // kName, kTuple of targets, or kAttribute of a name (of a namespace).
  ExpressionPointer target;
  ExpressionPointer value, condition;
  std::vector<std::pair<ExpressionPointer, Block>> branches;
  std::vector<std::pair<std::string, ExpressionPointer>> parameters;  // null: no default
  std::vector<ExpressionPointer> targets, values;
  Block body, otherwise;
};

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_AST_H_
