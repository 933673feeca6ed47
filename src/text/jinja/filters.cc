#include "text/jinja/filters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace rlvr::jinja {
namespace {

template <Text (*kChange)(const Text&)>
Value ChangeFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("this filter", a, {});
  const Text text = FilteredText(in, v);
  in.Spend(static_cast<int64_t>(text.size() / 4));
  return Value(kChange(text));
}

Value TrimFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("trim", a, {"chars"});
  const Text* chars = p.String(0);
  return Value(Strip(FilteredText(in, v), chars ? &chars->bytes : nullptr, true, true));
}

Value ReplaceFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("replace", a, {"old", "new", "count"}, 2);
  Arguments given;
  given.positional = {Value(FilteredText(in, *p[0])), Value(FilteredText(in, *p[1]))};
  if (p[2] != nullptr && !p[2]->is_none()) given.positional.push_back(*p[2]);
  return CallMethod(in, Value(FilteredText(in, v)), "replace", given);
}

Value StringFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("string", a, {});
  return Value(FilteredText(in, v));
}

Value SafeFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("safe", a, {});
  Text text = FilteredText(in, v);
  text.safe = true;
  return Value(std::move(text));
}

Value EscapeFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("escape", a, {});
  const Text text = FilteredText(in, v);
  in.SpendOnBytes(6 * text.size());
  return Value(text.safe ? text : Escape(text));
}

Value IndentFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("indent", a, {"width", "first", "blank"});
  Text by;
  if (p[0] != nullptr && p[0]->is_string()) {
    by = p[0]->text();
  } else {
    const int64_t width = p.Integer(0, 4);
    if (width > 1000) throw Failure{"indent: the width is more than 1000"};
    by = Text(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '));
  }
  const bool first = p.Boolean(1, false), blank = p.Boolean(2, false);
  Text text = FilteredText(in, v);
  text.Append("\n", kFromTemplate);  // so that a last empty line is one
  const std::vector<Text> lines = SplitLines(text, false);
  in.SpendOnBytes(text.size() + lines.size() * by.size());
  Text out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.Append("\n", kFromTemplate);
    if (i == 0 ? first : blank || !lines[i].empty()) out.Append(by);
    out.Append(lines[i]);
  }
  return Value(std::move(out));
}

Value ToJsonFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("tojson", a, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonForm form;
  form.ensure_ascii = p.Boolean(0, false);
  form.sort_keys = p.Boolean(3, false);
  if (p[1] != nullptr && p[1]->is_string()) {
    form.indent = p[1]->text().bytes;
  } else if (p[1] != nullptr && !p[1]->is_none()) {
    form.indent =
        std::string(static_cast<size_t>(std::clamp<int64_t>(p.Integer(1, 0), 0, 100)), ' ');
  }
  if (form.indent) form.comma = ",";
  if (p[2] != nullptr && !p[2]->is_none()) {
    const std::vector<Value> two = Walk(*p[2]);
    if (two.size() != 2 || !two[0].is_string() || !two[1].is_string())
      throw Failure{"tojson: separators are two strings"};
    form.comma = two[0].text().bytes;
    form.colon = two[1].text().bytes;
  }
  if ((form.indent && form.indent->size() > 100) || form.comma.size() + form.colon.size() > 100)
    throw Failure{"tojson: the indent or a separator is too long"};
  in.SpendOn(v);
  Text text = ToJson(v, form);
  in.SpendOnBytes(text.size());
  return Value(std::move(text));
}

Value DefaultFilter(Interpreter&, const Value& v, const Arguments& a) {
  const Parameters p("default", a, {"default_value", "boolean"});
  if (!v.is_undefined() && (IsTrue(v) || !p.Boolean(1, false))) return v;
  return p[0] != nullptr ? *p[0] : Value(Text());
}

// What Python's float() reads: white space around it is fine. None: not a number.
std::optional<double> RealOf(const Value& v) {
  if (v.is_number()) return v.real();
  if (!v.is_string()) return std::nullopt;
  const std::string text = Strip(v.text(), nullptr, true, true).bytes;
  const size_t sign = text.starts_with('+') ? 1 : 0;
  double d = 0;
  const char *begin = text.data() + sign, *end = text.data() + text.size();
  const auto read = std::from_chars(begin, end, d);
  if (begin == end || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  if (sign == 1 && *begin == '-') return std::nullopt;
  return d;
}

std::optional<int64_t> WholeOf(const Value& v, int base) {
  if (v.is_int() || v.is_bool()) return v.integer();
  if (v.is_string()) {
    const std::string text = Strip(v.text(), nullptr, true, true).bytes;
    const size_t sign = text.starts_with('+') ? 1 : 0;
    int64_t i = 0;
    const char *begin = text.data() + sign, *end = text.data() + text.size();
    const auto read = std::from_chars(begin, end, i, base);
    if (begin != end && read.ec == std::errc() && read.ptr == end && !(sign && *begin == '-'))
      return i;
  }
  const auto real = RealOf(v);
  if (!real || !(std::abs(*real) < 9e18)) return std::nullopt;
  return static_cast<int64_t>(*real);
}

Value IntFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("int", a, {"default", "base"});
  const int64_t base = p.Integer(1, 10);
  if (base < 2 || base > 36) throw Failure{"int: the base is not within 2 and 36"};
  if (v.is_undefined()) throw Failure{v.undefined_what()};
  in.SpendOn(v);
  if (const auto whole = WholeOf(v, static_cast<int>(base))) return Value(*whole);
  return p[0] != nullptr ? *p[0] : Value(int64_t{0});
}

Value FloatFilter(Interpreter& in, const Value& v, const Arguments& a) {
  const Parameters p("float", a, {"default"});
  if (v.is_undefined()) throw Failure{v.undefined_what()};
  in.SpendOn(v);
  if (const auto real = RealOf(v)) return Value(*real);
  return p[0] != nullptr ? *p[0] : Value(0.0);
}

Value AbsFilter(Interpreter&, const Value& v, const Arguments& a) {
  const Parameters p("abs", a, {});
  if (!v.is_number()) throw Failure{std::string("abs of a ") + v.type_name()};
  if (v.is_float()) return Value(std::abs(v.real()));
  return v.integer() < 0 ? Negative(v) : Value(v.integer());
}

Value RoundFilter(Interpreter&, const Value& v, const Arguments& a) {
  const Parameters p("round", a, {"precision", "method"});
  if (!v.is_number()) throw Failure{std::string("round of a ") + v.type_name()};
  const int64_t precision = p.Integer(0, 0);
  const std::string method = p.String(1) ? p.String(1)->bytes : "common";
  if (method == "common") {
    if (!v.is_float()) {
      if (precision >= 0) return Value(v.integer());
      throw Failure{"round: a precision below 0 is not supported"};
    }
    if (precision < 0 || precision > 15)
      throw Failure{"round: the precision is not within 0 and 15"};
    if (!std::isfinite(v.real()) || std::abs(v.real()) > 1e15) return v;
    // Rounded in decimal, ties to even, as Python does.
    char buffer[64];
    const auto written = std::to_chars(buffer, buffer + sizeof buffer, v.real(),
                                       std::chars_format::fixed, static_cast<int>(precision));
    double d = 0;
    std::from_chars(buffer, written.ptr, d);
    return Value(d);
  }
  if (method != "ceil" && method != "floor") throw Failure{"round: no method '" + method + "'"};
  const double scale = std::pow(10.0, static_cast<double>(precision));
  return Value((method == "ceil" ? std::ceil(v.real() * scale) : std::floor(v.real() * scale)) /
               scale);
}

}  // namespace

Text FilteredText(Interpreter& in, const Value& value) {
  in.SpendOn(value);
  return ToText(value);
}

const std::unordered_map<std::string, Filter>& TextFilters() {
  static const std::unordered_map<std::string, Filter> filters = {
      {"trim", TrimFilter},
      {"upper", ChangeFilter<Upper>},
      {"lower", ChangeFilter<Lower>},
      {"title", ChangeFilter<JinjaTitle>},
      {"capitalize", ChangeFilter<Capitalize>},
      {"replace", ReplaceFilter},
      {"string", StringFilter},
      {"safe", SafeFilter},
      {"escape", EscapeFilter},
      {"e", EscapeFilter},
      {"indent", IndentFilter},
      {"tojson", ToJsonFilter},
      {"default", DefaultFilter},
      {"d", DefaultFilter},
      {"int", IntFilter},
      {"float", FloatFilter},
      {"abs", AbsFilter},
      {"round", RoundFilter}};
  return filters;
}

Value ApplyFilter(Interpreter& in, const std::string& name, const Value& value,
                  const Arguments& arguments) {
  for (const auto* table : {&TextFilters(), &ListFilters()}) {
    if (const auto filter = table->find(name); filter != table->end())
      return filter->second(in, value, arguments);
  }
  throw Failure{"the filter '" + name + "' is not supported"};
}

}  // namespace rlvr::jinja
