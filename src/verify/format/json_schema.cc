#include "verify/format/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "verify/format/bounded_pattern.h"

namespace rlvr {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 200;
constexpr int64_t kMostChecks = 1000000;

// Of a schema, or of work without end: ends the check.
struct BadSchema {
  std::string what;
};

bool DeeperThan(std::string_view text, int most) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        quoted = false;
    } else if (text[i] == '"') {
      quoted = true;
    } else if (text[i] == '[' || text[i] == '{') {
      if (++depth > most) return true;
    } else if (text[i] == ']' || text[i] == '}') {
      --depth;
    }
  }
  return false;
}

int64_t NumCharacters(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

bool IsOfType(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "number") return value.is_number();
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
  throw BadSchema{"there is no type '" + type + "'"};
}

class SchemaCheck {
 public:
  explicit SchemaCheck(const Json& root) : root_(root) {}

  bool Valid(const Json& schema, const Json& value, const std::string& path, int depth = 0) {
    if (depth > kDeepest) throw BadSchema{"the schema is nested too deep, or refers to itself"};
    if (++checks_ > kMostChecks) throw BadSchema{"the check takes more than a million steps"};
    if (schema.is_boolean()) return schema.get<bool>() || Not(path, "is not allowed");
    if (!schema.is_object()) throw BadSchema{"a schema is neither object nor boolean"};
    RefuseUnknown(schema);
    return Generic(schema, value, path, depth) && Combined(schema, value, path, depth) &&
           (!value.is_number() || Number(schema, value, path)) &&
           (!value.is_string() || Text(schema, value.get_ref<const std::string&>(), path)) &&
           (!value.is_array() || Array(schema, value, path, depth)) &&
           (!value.is_object() || Object(schema, value, path, depth));
  }
  const std::string& reason() const { return reason_; }

 private:
  static void RefuseUnknown(const Json& schema) {
    static const std::set<std::string> known = {"type",
                                                "enum",
                                                "const",
                                                "$ref",
                                                "$defs",
                                                "definitions",
                                                "allOf",
                                                "anyOf",
                                                "oneOf",
                                                "not",
                                                "if",
                                                "then",
                                                "else",
                                                "properties",
                                                "required",
                                                "additionalProperties",
                                                "patternProperties",
                                                "propertyNames",
                                                "minProperties",
                                                "maxProperties",
                                                "dependentRequired",
                                                "items",
                                                "prefixItems",
                                                "contains",
                                                "minItems",
                                                "maxItems",
                                                "uniqueItems",
                                                "minLength",
                                                "maxLength",
                                                "pattern",
                                                "minimum",
                                                "maximum",
                                                "exclusiveMinimum",
                                                "exclusiveMaximum",
                                                "multipleOf",
                                                "title",
                                                "description",
                                                "default",
                                                "examples",
                                                "format",
                                                "$schema",
                                                "$id",
                                                "$comment",
                                                "$anchor",
                                                "readOnly",
                                                "writeOnly",
                                                "deprecated",
                                                "contentEncoding",
                                                "contentMediaType",
                                                "strict"};
    for (const auto& [key, unused] : schema.items())
      if (known.count(key) == 0)
        throw BadSchema{"the schema's keyword '" + key + "' is not supported"};
  }
  bool Not(const std::string& path, const std::string& what) {
    reason_ = (path.empty() ? "the value" : path) + ": " + what;
    return false;
  }
  static const Json* Find(const Json& schema, const char* key) {
    const auto it = schema.find(key);
    return it == schema.end() ? nullptr : &*it;
  }
  static const Json& Kind(const Json& value, const char* key, bool good) {
    if (!good) throw BadSchema{std::string("the schema's '") + key + "' is of the wrong kind"};
    return value;
  }
  // A count of the schema; -1: it has none.
  static int64_t CountOf(const Json& schema, const char* key) {
    const Json* n = Find(schema, key);
    if (n == nullptr) return -1;
    Kind(*n, key, n->is_number() && n->get<double>() >= 0 && n->get<double>() < 1e15);
    return static_cast<int64_t>(n->get<double>());
  }
  static BoundedPattern PatternOf(const std::string& text) {
    BoundedPattern pattern(text, {});
    if (!pattern.error().empty()) throw BadSchema{"the pattern " + text + ": " + pattern.error()};
    return pattern;
  }
  const Json& Resolve(const std::string& reference) const {
    if (reference != "#" && !reference.starts_with("#/"))
      throw BadSchema{"$ref " + reference + " leads out of the schema"};
    try {
      return root_.at(Json::json_pointer(reference.substr(1)));
    } catch (const Json::exception&) {
      throw BadSchema{"$ref " + reference + " leads nowhere"};
    }
  }

  bool Generic(const Json& schema, const Json& value, const std::string& path, int depth) {
    if (const Json* type = Find(schema, "type")) {
      bool fits = false;
      std::string names;
      const Json list = type->is_array() ? *type : Json::array({*type});
      for (const Json& name : list) {
        Kind(name, "type", name.is_string());
        fits = IsOfType(value, name.get<std::string>()) || fits;
        names += (names.empty() ? "" : " or ") + name.get<std::string>();
      }
      if (!fits) return Not(path, "is no " + names);
    }
    if (const Json* one = Find(schema, "const"); one != nullptr && *one != value)
      return Not(path, "is not the constant");
    if (const Json* any = Find(schema, "enum")) {
      Kind(*any, "enum", any->is_array());
      if (std::find(any->begin(), any->end(), value) == any->end())
        return Not(path, "is none of the enum");
    }
    if (const Json* reference = Find(schema, "$ref")) {
      Kind(*reference, "$ref", reference->is_string());
      return Valid(Resolve(reference->get<std::string>()), value, path, depth + 1);
    }
    return true;
  }

  bool Combined(const Json& schema, const Json& value, const std::string& path, int depth) {
    if (const Json* all = Find(schema, "allOf")) {
      for (const Json& part : Kind(*all, "allOf", all->is_array()))
        if (!Valid(part, value, path, depth + 1)) return false;
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      const Json* list = Find(schema, key);
      if (list == nullptr) continue;
      int fits = 0;
      for (const Json& part : Kind(*list, key, list->is_array()))
        fits += Valid(part, value, path, depth + 1) ? 1 : 0;
      if (fits == 0 || (key[0] == 'o' && fits > 1))
        return Not(path, fmt::format("fits {} of {}", fits, key));
    }
    if (const Json* no = Find(schema, "not"); no != nullptr && Valid(*no, value, path, depth + 1))
      return Not(path, "fits what it must not");
    if (const Json* condition = Find(schema, "if")) {
      const Json* then = Find(schema, Valid(*condition, value, path, depth + 1) ? "then" : "else");
      if (then != nullptr && !Valid(*then, value, path, depth + 1)) return false;
    }
    return true;
  }

  bool Number(const Json& schema, const Json& value, const std::string& path) {
    const double x = value.get<double>();
    const auto bound = [&](const char* key, auto fits) {
      const Json* b = Find(schema, key);
      if (b == nullptr) return true;
      Kind(*b, key, b->is_number());
      return fits(b->get<double>()) || Not(path, fmt::format("is not within its {}", key));
    };
    return bound("minimum", [&](double b) { return x >= b; }) &&
           bound("maximum", [&](double b) { return x <= b; }) &&
           bound("exclusiveMinimum", [&](double b) { return x > b; }) &&
           bound("exclusiveMaximum", [&](double b) { return x < b; }) &&
           bound("multipleOf", [&](double b) {
             const double times = x / b;
             return b > 0 && std::abs(times - std::round(times)) <= 1e-9 * std::abs(times);
           });
  }

  bool Text(const Json& schema, const std::string& text, const std::string& path) {
    const int64_t n = NumCharacters(text), most = CountOf(schema, "maxLength");
    if (n < CountOf(schema, "minLength")) return Not(path, "is too short");
    if (most >= 0 && n > most) return Not(path, "is too long");
    if (const Json* pattern = Find(schema, "pattern")) {
      Kind(*pattern, "pattern", pattern->is_string());
      if (PatternOf(pattern->get<std::string>()).Search(text) != BoundedPattern::Outcome::kMatch)
        return Not(path, "does not match its pattern");
    }
    return true;
  }

  bool Array(const Json& schema, const Json& value, const std::string& path, int depth) {
    const auto n = static_cast<int64_t>(value.size());
    const int64_t most = CountOf(schema, "maxItems");
    if (n < CountOf(schema, "minItems")) return Not(path, "has too few items");
    if (most >= 0 && n > most) return Not(path, "has too many items");
    const Json *first = Find(schema, "prefixItems"), *rest = Find(schema, "items");
    if (first != nullptr) Kind(*first, "prefixItems", first->is_array());
    for (size_t i = 0; i < value.size(); ++i) {
      const Json* item = first != nullptr && i < first->size() ? &(*first)[i] : rest;
      if (item != nullptr && !Valid(*item, value[i], fmt::format("{}/{}", path, i), depth + 1))
        return false;
    }
    const Json* unique = Find(schema, "uniqueItems");
    if (unique != nullptr && *unique == true) {
      const std::set<Json> different(value.begin(), value.end());
      if (different.size() != value.size()) return Not(path, "has an item twice");
    }
    if (const Json* contains = Find(schema, "contains")) {
      const bool any = std::any_of(value.begin(), value.end(), [&](const Json& item) {
        return Valid(*contains, item, path, depth + 1);
      });
      if (!any) return Not(path, "has no item as it should contain");
    }
    return true;
  }

  bool Object(const Json& schema, const Json& value, const std::string& path, int depth) {
    const auto n = static_cast<int64_t>(value.size());
    const int64_t most = CountOf(schema, "maxProperties");
    if (n < CountOf(schema, "minProperties")) return Not(path, "has too few properties");
    if (most >= 0 && n > most) return Not(path, "has too many properties");
    const auto has_all = [&](const Json& names, const char* key) {
      for (const Json& name : Kind(names, key, names.is_array())) {
        Kind(name, key, name.is_string());
        if (!value.contains(name.get<std::string>()))
          return Not(path, "has no '" + name.get<std::string>() + "'");
      }
      return true;
    };
    if (const Json* required = Find(schema, "required");
        required && !has_all(*required, "required"))
      return false;
    if (const Json* dependent = Find(schema, "dependentRequired")) {
      for (const auto& [key, names] :
           Kind(*dependent, "dependentRequired", dependent->is_object()).items())
        if (value.contains(key) && !has_all(names, "dependentRequired")) return false;
    }
    const Json *properties = Find(schema, "properties"), *names = Find(schema, "propertyNames"),
               *further = Find(schema, "additionalProperties"),
               *patterns = Find(schema, "patternProperties");
    if (properties != nullptr) Kind(*properties, "properties", properties->is_object());
    if (patterns != nullptr) Kind(*patterns, "patternProperties", patterns->is_object());
    std::vector<std::pair<BoundedPattern, const Json*>> compiled;
    if (patterns != nullptr)
      for (const auto& [text, part] : patterns->items())
        compiled.emplace_back(PatternOf(text), &part);
    for (const auto& [key, part] : value.items()) {
      const std::string inner = path + "/" + key.substr(0, 80);
      bool known = false;
      if (names != nullptr && !Valid(*names, Json(key), inner, depth + 1)) return false;
      if (properties != nullptr && properties->contains(key)) {
        known = true;
        if (!Valid((*properties)[key], part, inner, depth + 1)) return false;
      }
      for (const auto& [pattern, rule] : compiled) {
        if (pattern.Search(key) != BoundedPattern::Outcome::kMatch) continue;
        known = true;
        if (!Valid(*rule, part, inner, depth + 1)) return false;
      }
      if (!known && further != nullptr && !Valid(*further, part, inner, depth + 1)) return false;
    }
    return true;
  }

  const Json& root_;
  std::string reason_;
  int64_t checks_ = 0;
};

}  // namespace

SchemaResult CheckJsonSchema(std::string_view schema, std::string_view value) {
  using Outcome = SchemaResult::Outcome;
  const Json rule = DeeperThan(schema, kDeepest) ? Json(Json::value_t::discarded)
                                                 : Json::parse(schema, nullptr, false);
  if (rule.is_discarded()) return {Outcome::kBadSchema, "the schema is no JSON"};
  if (DeeperThan(value, kDeepest)) return {Outcome::kInvalid, "is nested too deep"};
  const Json given = Json::parse(value, nullptr, false);
  if (given.is_discarded()) return {Outcome::kInvalid, "is no JSON"};
  try {
    SchemaCheck check(rule);
    if (check.Valid(rule, given, "")) return {Outcome::kValid, "fits the schema"};
    return {Outcome::kInvalid, check.reason()};
  } catch (const BadSchema& bad) {
    return {Outcome::kBadSchema, bad.what};
  }
}

std::string_view JsonIn(std::string_view response) {
  constexpr std::string_view kFence = "```";
  const size_t close = response.rfind(kFence);
  if (close == std::string_view::npos || close == 0) return response;
  const size_t open = response.rfind(kFence, close - 1);
  if (open == std::string_view::npos) return response;
  std::string_view block = response.substr(open + kFence.size(), close - open - kFence.size());
  for (const char* name : {"json", "JSON", "Json"}) {
    if (!block.starts_with(name)) continue;
    return block.substr(4);
  }
  return block.find_first_not_of(" \t\r") == block.find('\n') ? block : response;
}

}  // namespace rlvr
