#include "train/shell_words.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <map>

#include "base/error.h"

namespace rlvr {
namespace {

using Variables = std::map<std::string, std::string>;

[[noreturn]] void Fail(const std::string& what) {
  throw Error("command line", what,
              "give it as the shell expands it: `bash -x SCRIPT` prints that");
}

bool InName(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool IsName(const std::string& s) {
  if (s.empty() || std::isdigit(static_cast<unsigned char>(s[0])) != 0) return false;
  for (const char c : s) {
    if (!InName(c)) return false;
  }
  return true;
}

const std::string* Find(const Variables& variables, const std::string& name) {
  const auto it = variables.find(name);
  return it == variables.end() ? nullptr : &it->second;
}

// The value of a variable; "" and *set = false if neither the script nor the environment has it.
std::string ValueOf(const Variables& variables, const std::string& name, bool* set) {
  if (const std::string* value = Find(variables, name)) {
    *set = true;
    return *value;
  }
  const char* value = std::getenv(name.c_str());
  *set = value != nullptr;
  return value == nullptr ? "" : value;
}

// sum = product {(+|-) product}, product = factor {(*|/) factor}, factor = number | name | (sum)
class Arithmetic {
 public:
  Arithmetic(const std::string& text, const Variables& variables)
      : text_(text), variables_(variables) {}
  int64_t Value() {
    const int64_t v = Sum();
    if (Next() != 0) Fail("'$((" + text_ + "))' is not understood");
    return v;
  }

 private:
  char Next() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  int64_t Sum() {
    int64_t v = Product();
    while (Next() == '+' || Next() == '-') v = text_[at_++] == '+' ? v + Product() : v - Product();
    return v;
  }
  int64_t Product() {
    int64_t v = Factor();
    while (Next() == '*' || Next() == '/') {
      const bool times = text_[at_++] == '*';
      const int64_t other = Factor();
      if (!times && other == 0) Fail("'$((" + text_ + "))' divides by 0");
      v = times ? v * other : v / other;
    }
    return v;
  }
  int64_t Factor() {
    if (Next() == '(') {
      ++at_;
      const int64_t v = Sum();
      if (Next() != ')') Fail("'$((" + text_ + "))' is not understood");
      ++at_;
      return v;
    }
    std::string word;
    while (at_ < text_.size() && InName(text_[at_])) word += text_[at_++];
    bool set = true;
    if (IsName(word)) word = ValueOf(variables_, word, &set);
    char* end = nullptr;
    const int64_t v = std::strtoll(word.c_str(), &end, 10);
    if (!set || word.empty() || *end != '\0') Fail("'$((" + text_ + "))' is not understood");
    return v;
  }
  const std::string& text_;
  const Variables& variables_;
  size_t at_ = 0;
};

std::string Expand(const std::string& text, const Variables& variables);

// The end of what `open` at text[at] begins, with nested ones passed over.
size_t Closing(const std::string& text, size_t at, char open, char close) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    depth += (text[at] == open) - (text[at] == close);
    if (depth == 0) return at;
  }
  Fail(std::string("a '") + open + "' is not closed");
}

// What stands for the `$` at text[*at]; moves *at to its last character.
std::string Variable(const std::string& text, size_t* at, const Variables& variables) {
  const size_t begin = *at + 1;
  if (text.compare(begin, 2, "((") == 0) {
    *at = Closing(text, begin, '(', ')');
    const std::string inner = Expand(text.substr(begin + 2, *at - begin - 3), variables);
    return std::to_string(Arithmetic(inner, variables).Value());
  }
  if (begin < text.size() && text[begin] == '(') Fail("$(...) would have to run a command");
  std::string name, other;
  bool has_other = false;
  if (begin < text.size() && text[begin] == '{') {
    *at = Closing(text, begin, '{', '}');
    name = text.substr(begin + 1, *at - begin - 1);
    const size_t colon = name.find(":-");
    has_other = colon != std::string::npos;
    if (has_other) {
      other = name.substr(colon + 2);
      name = name.substr(0, colon);
    }
  } else {
    size_t end = begin;
    while (end < text.size() && InName(text[end])) ++end;
    if (end == begin && end < text.size() && (text[end] == '@' || text[end] == '*')) {
      *at = end;
      return "";  // the script's own arguments
    }
    if (end == begin) return "$";
    name = text.substr(begin, end - begin);
    *at = end - 1;
  }
  bool set = false;
  const std::string value = ValueOf(variables, name, &set);
  if (set && !(value.empty() && has_other)) return value;
  if (!has_other) Fail("the variable $" + name + " is not set");
  return Expand(other, variables);
}

// Quotes off, variables in.
std::string Expand(const std::string& text, const Variables& variables) {
  std::string out;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '$' && quote != '\'') {
      out += Variable(text, &i, variables);
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      out += text[++i];
    } else {
      out += c;
    }
  }
  return out;
}

// One word as it stands, with its quotes, from text[*at]; moves *at behind it.
std::string RawWord(const std::string& text, size_t* at) {
  const size_t begin = *at;
  char quote = 0;
  int brackets = 0;
  for (; *at < text.size(); ++*at) {
    const char c = text[*at];
    if (c == '\\' && quote != '\'' && *at + 1 < text.size()) {
      ++*at;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '$' && text.compare(*at + 1, 1, "{") == 0) {
      *at = Closing(text, *at + 1, '{', '}');
    } else if (c == '$' && text.compare(*at + 1, 1, "(") == 0) {
      *at = Closing(text, *at + 1, '(', ')');
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '[' || c == ']') {
      brackets += c == '[' ? 1 : -1;
    } else if (brackets <= 0 && std::string(" \t\r\n;&|").find(c) != std::string::npos) {
      break;
    }
  }
  if (quote != 0 || brackets > 0) Fail("a quote or bracket is not closed");
  return text.substr(begin, *at - begin);
}

// Quotes stay in [ ] outside of quotes, where no variable is.
std::string Value(const std::string& raw, const Variables& variables) {
  const size_t open = raw.find('[');
  const bool quoted = raw.find_first_of("'\"") < open;
  if (open == std::string::npos || quoted || raw.find('$') != std::string::npos)
    return Expand(raw, variables);
  return raw;
}

std::string WithoutContinuedLines(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    size_t next = i + 1;
    if (text[i] == '\\' && next < text.size() && text[next] == '\r') ++next;
    if (text[i] == '\\' && next < text.size() && text[next] == '\n') {
      out += ' ';
      i = next;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> ShellWords(const std::string& script) {
  const std::string text = WithoutContinuedLines(script);
  Variables variables;
  std::vector<std::string> all, command;  // raw words of the command at hand
  const auto end_command = [&] {
    const size_t first = !command.empty() && command[0] == "export" ? 1 : 0;
    bool assigns = first < command.size();
    for (size_t i = first; i < command.size(); ++i)
      assigns = assigns && IsName(command[i].substr(0, command[i].find('='))) &&
                command[i].find('=') != std::string::npos;
    for (const std::string& raw : command) {
      const size_t equals = raw.find('=');
      if (!assigns) {
        all.push_back(Value(raw, variables));
      } else if (equals != std::string::npos) {
        variables[raw.substr(0, equals)] = Expand(raw.substr(equals + 1), variables);
      }
    }
    command.clear();
  };
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++i;
    } else if (c == '\n' || c == ';' || c == '&' || c == '|') {
      end_command();
      ++i;
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else {
      command.push_back(RawWord(text, &i));
    }
  }
  end_command();
  return all;
}

}  // namespace rlvr
