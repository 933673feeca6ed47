// The fields of a JSON object from outside, each read once: what has the wrong type or nobody reads
// is an ApiError that names it. null stands for an absent field, as in OpenAI's API.
#ifndef RLVR_SERVE_FIELDS_H_
#define RLVR_SERVE_FIELDS_H_
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace rlvr {

// Throws ApiError for what is no JSON, or nested deeper than anybody means.
nlohmann::json ParseBody(const std::string& text);

class Fields {
 public:
  // where: the object's own name, "" for the whole body. The object must outlive this.
  Fields(const nlohmann::json& object, std::string where);

  const nlohmann::json* Find(const std::string& name);  // null: absent
  const nlohmann::json& Require(const std::string& name);
  double Number(const std::string& name, double absent, double low, double high);
  int64_t Integer(const std::string& name, int64_t absent, int64_t low, int64_t high);
  bool Bool(const std::string& name, bool absent);
  std::string String(const std::string& name);  // "": absent
  // A field that may only have the value that changes nothing.
  void OnlyNeutral(const std::string& name, const nlohmann::json& neutral);
  // A field that changes nothing whatever it is.
  void Ignore(const std::string& name) { Find(name); }
  // Throws for a field that nobody asked for.
  void NoOthers() const;

  std::string Path(const std::string& name) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
  std::vector<std::string> known_;
};

}  // namespace rlvr
#endif  // RLVR_SERVE_FIELDS_H_
