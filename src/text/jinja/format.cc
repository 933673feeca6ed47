// Python's str, repr and json.dumps of values.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "text/jinja/value.h"

namespace rlvr::jinja {
namespace {

std::string Hex(const char* prefix, int32_t value, int digits) {
  char buffer[16];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, 16).ptr;
  const std::string hex(buffer, end);
  const auto width = static_cast<size_t>(digits);
  return prefix + std::string(width > hex.size() ? width - hex.size() : 0, '0') + hex;
}

std::string ReprOfFloat(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific).ptr;
  std::string digits(buffer, end);
  const size_t e = digits.find('e');
  const int exponent = std::stoi(digits.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return digits;  // as Python writes it: 1e-05, 1.5e+16
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::fixed).ptr;
  std::string text(buffer, fixed);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

void ReprOfString(const Text& text, Text* out) {
  const bool single =
      text.bytes.find('\'') == std::string::npos || text.bytes.find('"') != std::string::npos;
  const char quote = single ? '\'' : '"';
  out->Append(std::string_view(&quote, 1), kFromTemplate);
  for (size_t i = 0; i < text.size();) {
    const size_t length = PointLength(text.bytes, i);
    const int32_t p = PointAt(text.bytes, i);
    const char from = text.from[i];
    if (p == quote || p == '\\') {
      out->Append(std::string("\\") + static_cast<char>(p), from);
    } else if (p == '\n' || p == '\r' || p == '\t') {
      out->Append(p == '\n' ? "\\n" : p == '\r' ? "\\r" : "\\t", from);
    } else if (p >= 0 && !IsPrintable(p)) {
      out->Append(p < 0x100     ? Hex("\\x", p, 2)
                  : p < 0x10000 ? Hex("\\u", p, 4)
                                : Hex("\\U", p, 8),
                  from);
    } else {
      out->Append(text.bytes.substr(i, length), from);
    }
    i += length;
  }
  out->Append(std::string_view(&quote, 1), kFromTemplate);
}

void AppendRepr(const Value& value, Text* out);

void ReprOfItems(const std::vector<Value>& items, Text* out) {
  for (const Value& item : items) {
    if (&item != items.data()) out->Append(", ", kFromTemplate);
    AppendRepr(item, out);
  }
}

void AppendRepr(const Value& value, Text* out) {
  const auto plain = [&](const std::string& s) { out->Append(s, kFromTemplate); };
  if (value.is_undefined()) return plain("Undefined");
  if (value.is_none()) return plain("None");
  if (value.is_bool()) return plain(value.boolean() ? "True" : "False");
  if (value.is_int()) return plain(std::to_string(value.integer()));
  if (value.is_float()) return plain(ReprOfFloat(value.real()));
  if (value.is_string()) return ReprOfString(value.text(), out);
  if (value.is_dict()) {
    plain("{");
    const auto& items = value.dict().items;
    for (const auto& item : items) {
      if (&item != items.data()) plain(", ");
      AppendRepr(item.first, out);
      plain(": ");
      AppendRepr(item.second, out);
    }
    return plain("}");
  }
  if (value.is_list(ListKind::kList)) {
    plain("[");
    ReprOfItems(value.list().items, out);
    return plain("]");
  }
  if (value.is_list(ListKind::kTuple)) {
    plain("(");
    ReprOfItems(value.list().items, out);
    return plain(value.list().items.size() == 1 ? ",)" : ")");
  }
  throw Failure{std::string("a ") + value.type_name() + " cannot be written as text"};
}

void AppendJsonString(const Text& text, bool ensure_ascii, Text* out) {
  out->Append("\"", kFromTemplate);
  for (size_t i = 0; i < text.size();) {
    const size_t length = PointLength(text.bytes, i);
    const int32_t p = PointAt(text.bytes, i);
    const char from = text.from[i];
    const char* brief = p == '"'    ? "\\\""
                        : p == '\\' ? "\\\\"
                        : p == '\n' ? "\\n"
                        : p == '\r' ? "\\r"
                        : p == '\t' ? "\\t"
                        : p == '\f' ? "\\f"
                        : p == '\b' ? "\\b"
                                    : nullptr;
    if (brief != nullptr) {
      out->Append(brief, from);
    } else if (p >= 0 && (p < 0x20 || (ensure_ascii && p >= 0x7F && p < 0x10000 && p != 0x7F))) {
      out->Append(Hex("\\u", p, 4), from);
    } else if (ensure_ascii && p >= 0x10000) {
      const int32_t rest = p - 0x10000;
      out->Append(Hex("\\u", 0xD800 + (rest >> 10), 4) + Hex("\\u", 0xDC00 + (rest & 0x3FF), 4),
                  from);
    } else {
      out->Append(text.bytes.substr(i, length), from);
    }
    i += length;
  }
  out->Append("\"", kFromTemplate);
}

std::string JsonScalar(const Value& value) {
  if (value.is_none()) return "null";
  if (value.is_bool()) return value.boolean() ? "true" : "false";
  if (value.is_int()) return std::to_string(value.integer());
  const double d = value.real();
  if (std::isnan(d)) return "NaN";
  if (std::isinf(d)) return d > 0 ? "Infinity" : "-Infinity";
  return ReprOfFloat(d);
}

class JsonWriter {
 public:
  JsonWriter(const JsonForm& form, Text* out) : form_(form), out_(out) {}

  void Write(const Value& value, int level) {
    if (out_->size() > kMaxBytes) throw Failure{"a string is too long"};
    if (value.is_string()) return AppendJsonString(value.text(), form_.ensure_ascii, out_);
    if (value.is_none() || value.is_number()) return out_->Append(JsonScalar(value), kFromTemplate);
    if (value.is_list(ListKind::kList) || value.is_list(ListKind::kTuple)) {
      const auto& items = value.list().items;
      Open("[");
      for (const Value& item : items) {
        Separate(&item != items.data(), level + 1);
        Write(item, level + 1);
      }
      return Close("]", items.empty(), level);
    }
    if (!value.is_dict())
      throw Failure{value.is_undefined() ? value.undefined_what()
                                         : std::string("a ") + value.type_name() + " is no JSON"};
    auto items = value.dict().items;
    if (form_.sort_keys) {
      std::stable_sort(items.begin(), items.end(),
                       [](const auto& a, const auto& b) { return Compare(a.first, b.first) < 0; });
    }
    Open("{");
    for (const auto& [key, item] : items) {
      Separate(&key != &items.data()->first, level + 1);
      if (key.is_string()) {
        AppendJsonString(key.text(), form_.ensure_ascii, out_);
      } else if (key.is_none() || key.is_number()) {
        out_->Append("\"" + JsonScalar(key) + "\"", kFromTemplate);
      } else {
        throw Failure{std::string("a ") + key.type_name() + " cannot be a key in JSON"};
      }
      out_->Append(form_.colon, kFromTemplate);
      Write(item, level + 1);
    }
    Close("}", items.empty(), level);
  }

 private:
  void Open(const char* bracket) { out_->Append(bracket, kFromTemplate); }
  void Line(int level) {
    if (!form_.indent) return;
    out_->Append("\n", kFromTemplate);
    for (int i = 0; i < level; ++i) out_->Append(*form_.indent, kFromTemplate);
  }
  void Separate(bool comma, int level) {
    if (comma) out_->Append(form_.comma, kFromTemplate);
    Line(level);
  }
  void Close(const char* bracket, bool empty, int level) {
    if (!empty) Line(level);
    out_->Append(bracket, kFromTemplate);
  }

  const JsonForm& form_;
  Text* out_;
};

}  // namespace

Text Repr(const Value& value) {
  Text out;
  AppendRepr(value, &out);
  return out;
}

Text ToText(const Value& value) {
  if (value.is_string()) return value.text();
  if (value.is_undefined()) return Text();
  return Repr(value);
}

Text ToJson(const Value& value, const JsonForm& form) {
  Text out;
  JsonWriter(form, &out).Write(value, 0);
  return out;
}

}  // namespace rlvr::jinja
