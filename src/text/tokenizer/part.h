// A part of tokenizer.json with its place in the file, so that an error names the field.
#ifndef RLVR_TEXT_TOKENIZER_PART_H_
#define RLVR_TEXT_TOKENIZER_PART_H_
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

// Parses without looking for duplicate keys, which would take minutes for a vocabulary. Throws Error
// at `place`.
nlohmann::ordered_json ParseTokenizerJson(const std::string& text, const std::string& place);

class Part {
 public:
  Part(const nlohmann::ordered_json& json, const std::string& place, std::string field)
      : json_(json), place_(place), field_(std::move(field)) {}

  const nlohmann::ordered_json& json() const { return json_; }
  const std::string& place() const { return place_; }
  bool Has(const char* key) const;                 // and not null
  Part At(const char* key) const;                  // an Error if there is none
  std::vector<Part> Items(const char* key) const;  // of an array

  std::string Type() const;  // its "type"
  std::string String(const char* key) const;
  bool Bool(const char* key, bool otherwise) const;
  int64_t Int(const char* key) const;

  [[noreturn]] void Fail(const std::string& what, const std::string& remedy) const;
  [[noreturn]] void Unsupported(const char* key) const;  // names the field and its value

 private:
  const nlohmann::ordered_json& json_;
  const std::string& place_;
  std::string field_;  // "pre_tokenizer.pretokenizers[1]"
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_PART_H_
