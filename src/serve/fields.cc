#include "serve/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/suggest.h"
#include "serve/api_error.h"

namespace rlvr {

using nlohmann::json;

namespace {
constexpr int kMaxDepth = 64;  // what reads the value may recurse
}  // namespace

std::string ErrorBody(int status, const std::string& message, const std::string& param,
                      const std::string& code) {
  std::string type = status >= 500 ? "server_error" : "invalid_request_error";
  if (status == 401) type = "authentication_error";
  if (status == 429) type = "rate_limit_error";
  const auto or_null = [](const std::string& s) { return s.empty() ? json() : json(s); };
  const json body = {
      {"error",
       {{"message", message}, {"type", type}, {"param", or_null(param)}, {"code", or_null(code)}}}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

json ParseBody(const std::string& text) {
  try {
    return json::parse(text, [](int depth, json::parse_event_t, json&) {
      if (depth > kMaxDepth)
        throw ApiError(400, fmt::format("the JSON is nested deeper than {}", kMaxDepth), "");
      return true;
    });
  } catch (const json::exception& e) {
    const std::string what = e.what();  // "[json.exception.parse_error.101] parse error at ..."
    throw ApiError(
        400, "the body is no JSON: " + what.substr(std::min(what.find("] ") + 2, what.size())), "");
  }
}

Fields::Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object())
    throw ApiError(
        400, (where_.empty() ? "the body" : "'" + where_ + "'") + " must be a JSON object", where_);
}

std::string Fields::Path(const std::string& name) const {
  return where_.empty() ? name : where_ + "." + name;
}

const json* Fields::Find(const std::string& name) {
  known_.push_back(name);
  const auto it = object_.find(name);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

const json& Fields::Require(const std::string& name) {
  const json* value = Find(name);
  if (value == nullptr) throw ApiError(400, "'" + Path(name) + "' is missing", Path(name));
  return *value;
}

double Fields::Number(const std::string& name, double absent, double low, double high) {
  const json* value = Find(name);
  if (value == nullptr) return absent;
  if (value->is_number()) {
    const double x = value->get<double>();
    if (x >= low && x <= high) return x;
  }
  throw ApiError(400, fmt::format("'{}' must be a number from {} to {}", Path(name), low, high),
                 Path(name));
}

int64_t Fields::Integer(const std::string& name, int64_t absent, int64_t low, int64_t high) {
  const json* value = Find(name);
  if (value == nullptr) return absent;
  const bool fits = value->is_number_integer() &&
                    (!value->is_number_unsigned() || value->get<uint64_t>() <= INT64_MAX);
  if (fits) {
    const auto x = value->get<int64_t>();
    if (x >= low && x <= high) return x;
  }
  throw ApiError(400,
                 fmt::format("'{}' must be a whole number from {} to {}", Path(name), low, high),
                 Path(name));
}

bool Fields::Bool(const std::string& name, bool absent) {
  const json* value = Find(name);
  if (value == nullptr) return absent;
  if (!value->is_boolean())
    throw ApiError(400, "'" + Path(name) + "' must be true or false", Path(name));
  return value->get<bool>();
}

std::string Fields::String(const std::string& name) {
  const json* value = Find(name);
  if (value == nullptr) return "";
  if (!value->is_string()) throw ApiError(400, "'" + Path(name) + "' must be a string", Path(name));
  return value->get<std::string>();
}

void Fields::OnlyNeutral(const std::string& name, const json& neutral) {
  const json* value = Find(name);
  if (value == nullptr || *value == neutral || (value->is_structured() && value->empty())) return;
  throw ApiError(
      400, fmt::format("'{}' is not supported: leave it out, or {}", Path(name), neutral.dump()),
      Path(name), "unsupported_parameter");
}

void Fields::NoOthers() const {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end() || value.is_null()) continue;
    throw ApiError(400,
                   fmt::format("unknown field '{}' ({})", Path(name), DidYouMean(name, known_)),
                   Path(name), "unknown_parameter");
  }
}

}  // namespace rlvr
