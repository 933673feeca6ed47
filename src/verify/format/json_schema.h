// JSON Schema, the keywords that people write for language models:
//   type enum const $ref (within the schema) $defs definitions allOf anyOf oneOf not if then else
//   properties required additionalProperties patternProperties propertyNames minProperties
//   maxProperties dependentRequired items prefixItems contains minItems maxItems uniqueItems
//   minLength maxLength pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
// Annotations (title, description, default, examples, format, $schema, $id, $comment, ...) are read
// over, as the standard has it. Any other keyword is an error, not a constraint that nobody checks.
#ifndef RLVR_VERIFY_FORMAT_JSON_SCHEMA_H_
#define RLVR_VERIFY_FORMAT_JSON_SCHEMA_H_
#include <string>
#include <string_view>

namespace rlvr {

struct SchemaResult {
  enum class Outcome { kValid, kInvalid, kBadSchema } outcome = Outcome::kValid;
  std::string reason;  // "/items/0: is no integer"
};
// Both JSON text. Bounded in depth and work.
SchemaResult CheckJsonSchema(std::string_view schema, std::string_view value);

// The last fenced block that says json (or no language), else the whole text.
std::string_view JsonIn(std::string_view response);

}  // namespace rlvr
#endif  // RLVR_VERIFY_FORMAT_JSON_SCHEMA_H_
