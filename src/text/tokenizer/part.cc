#include "text/tokenizer/part.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

// Builds the document as nlohmann's own builder does, but appends to objects.
class DocumentBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit DocumentBuilder(const std::string& place) : place_(place) {}
  Json root;

  bool null() override { return Add(nullptr); }
  bool boolean(bool v) override { return Add(v); }
  bool number_integer(number_integer_t v) override { return Add(v); }
  bool number_unsigned(number_unsigned_t v) override { return Add(v); }
  bool number_float(number_float_t v, const string_t&) override { return Add(v); }
  bool string(string_t& v) override { return Add(std::move(v)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(Json::object()); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& v) override {
    key_ = std::move(v);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    throw Error(place_, std::string("is no tokenizer.json: ") + e.what(),
                "download or save it again");
  }

 private:
  Json* Append(Json value) {
    if (open_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.get_ref<Json::array_t&>().emplace_back(std::move(value));
    // The object's own emplace would compare with every key before.
    using Members = std::vector<std::pair<const std::string, Json>>;
    auto& members = static_cast<Members&>(parent.get_ref<Json::object_t&>());
    return &members.emplace_back(std::move(key_), std::move(value)).second;
  }
  bool Add(Json value) {
    Append(std::move(value));
    return true;
  }
  bool Open(Json value) {
    constexpr size_t kMaxDepth = 100;
    if (open_.size() == kMaxDepth)
      throw Error(place_, "is nested too deeply", "is it a tokenizer.json?");
    open_.push_back(Append(std::move(value)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  const std::string& place_;
  std::string key_;
  std::vector<Json*> open_;
};

}  // namespace

Json ParseTokenizerJson(const std::string& text, const std::string& place) {
  DocumentBuilder builder(place);
  Json::sax_parse(text, &builder);
  return std::move(builder.root);
}

bool Part::Has(const char* key) const {
  if (!json_.is_object()) return false;
  const auto it = json_.find(key);
  return it != json_.end() && !it->is_null();
}

Part Part::At(const char* key) const {
  if (!Has(key)) Fail(std::string("has no ") + key, "is the file damaged?");
  return Part(*json_.find(key), place_, field_.empty() ? key : field_ + "." + key);
}

std::vector<Part> Part::Items(const char* key) const {
  const Part array = At(key);
  if (!array.json_.is_array()) array.Fail("is no list", "is the file damaged?");
  std::vector<Part> items;
  for (size_t i = 0; i < array.json_.size(); ++i)
    items.emplace_back(array.json_[i], place_, array.field_ + "[" + std::to_string(i) + "]");
  return items;
}

std::string Part::Type() const { return String("type"); }

std::string Part::String(const char* key) const {
  const Part part = At(key);
  if (!part.json_.is_string()) part.Fail("is no string", "is the file damaged?");
  return part.json_.get<std::string>();
}

bool Part::Bool(const char* key, bool otherwise) const {
  if (!Has(key)) return otherwise;
  const Part part = At(key);
  if (!part.json_.is_boolean()) part.Fail("is neither true nor false", "is the file damaged?");
  return part.json_.get<bool>();
}

int64_t Part::Int(const char* key) const {
  const Part part = At(key);
  if (!part.json_.is_number_integer()) part.Fail("is no whole number", "is the file damaged?");
  return part.json_.get<int64_t>();
}

void Part::Fail(const std::string& what, const std::string& remedy) const {
  throw Error(place_, field_.empty() ? what : field_ + " " + what, remedy);
}

void Part::Unsupported(const char* key) const {
  const Part part = At(key);
  std::string value = part.json_.dump();
  if (value.size() > 60) value = value.substr(0, 60) + "...";
  part.Fail(value + " is not supported", "docs/tokenizers.md lists what is");
}

}  // namespace rlvr
