#include "verify/instructions/instruction.h"

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggest.h"
#include "verify/format/bounded_pattern.h"
#include "verify/instructions/instruction_checks.h"
#include "verify/instructions/instruction_text.h"
#include "verify/instructions/language.h"

namespace rlvr {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMostKeywords = 1000;

// The arguments of one instruction. What is missing or of the wrong kind is an Error that names it.
class InstructionArguments {
 public:
  explicit InstructionArguments(const Instruction& instruction)
      : id_(instruction.id), json_(Json::parse(instruction.kwargs, nullptr, false)) {}

  int64_t Number(const char* key) const {
    const Json& value = At(key);
    if (!value.is_number() || value.get<double>() < 0 || value.get<double>() > 1e12)
      Refuse(key, "is no count");
    return static_cast<int64_t>(value.get<double>());
  }
  std::string Text(const char* key) const {
    const Json& value = At(key);
    if (!value.is_string()) Refuse(key, "is no text");
    return Utf8(TrimBlanks(Characters(value.get<std::string>())));
  }
  std::vector<std::string> Texts(const char* key) const {
    const Json& value = At(key);
    if (!value.is_array() || value.empty() || value.size() > kMostKeywords)
      Refuse(key, "is no list of texts");
    std::vector<std::string> texts;
    for (const Json& text : value) {
      if (!text.is_string()) Refuse(key, "is no list of texts");
      texts.push_back(text.get<std::string>());
    }
    return texts;
  }
  // Expressions, as the authors' program takes keywords.
  std::string Pattern(const char* key) const { return Checked(key, Text(key)); }
  std::vector<std::string> Patterns(const char* key) const {
    std::vector<std::string> patterns = Texts(key);
    for (std::string& pattern : patterns) pattern = Checked(key, pattern);
    return patterns;
  }
  bool Compare(int64_t count, const char* relation, const char* number) const {
    const std::string how = Text(relation);
    if (how == "less than") return count < Number(number);
    if (how != "at least") Refuse(relation, "is neither \"less than\" nor \"at least\"");
    return count >= Number(number);
  }
  [[noreturn]] void Refuse(const std::string& key, const std::string& what) const {
    throw Error(id_, "its '" + key + "' " + what, "see IFEval's kwargs");
  }

 private:
  const Json& At(const char* key) const {
    const auto it = json_.is_object() ? json_.find(key) : json_.end();
    if (!json_.is_object() || it == json_.end() || it->is_null()) Refuse(key, "is missing");
    return *it;
  }
  std::string Checked(const char* key, const std::string& pattern) const {
    const std::string error = BoundedPattern(pattern, {}).error();
    if (!error.empty()) Refuse(key, "is no expression: " + error);
    return pattern;
  }
  std::string id_;
  Json json_;
};

bool InEnglish(const CheckedText& t) {
  const std::string language = DetectLanguage(t.utf8);
  return language.empty() || language == "en";
}

using Arguments = InstructionArguments;
using Check = bool (*)(const CheckedText&, const Arguments&);

const std::map<std::string, Check>& Checks() {
  static const std::map<std::string, Check> checks = {
      {"change_case:capital_word_frequency",
       [](const CheckedText& t, const Arguments& a) {
         return a.Compare(CountCapitalWords(t.characters), "capital_relation", "capital_frequency");
       }},
      {"change_case:english_capital",
       [](const CheckedText& t, const Arguments&) {
         return AllUpperCase(t.characters) && InEnglish(t);
       }},
      {"change_case:english_lowercase",
       [](const CheckedText& t, const Arguments&) {
         return AllLowerCase(t.characters) && InEnglish(t);
       }},
      {"combination:repeat_prompt",
       [](const CheckedText& t, const Arguments& a) {
         return RepeatsPrompt(t, a.Text("prompt_to_repeat"));
       }},
      {"combination:two_responses",
       [](const CheckedText& t, const Arguments&) { return HasTwoResponses(t); }},
      {"detectable_content:number_placeholders",
       [](const CheckedText& t, const Arguments& a) {
         return CountPlaceholders(t) >= a.Number("num_placeholders");
       }},
      {"detectable_content:postscript",
       [](const CheckedText& t, const Arguments& a) {
         return HasPostscript(t, a.Pattern("postscript_marker"));
       }},
      {"detectable_format:constrained_response",
       [](const CheckedText& t, const Arguments&) { return IsConstrainedAnswer(t); }},
      {"detectable_format:json_format",
       [](const CheckedText& t, const Arguments&) { return IsJson(t); }},
      {"detectable_format:multiple_sections",
       [](const CheckedText& t, const Arguments& a) {
         return CountSections(t, a.Pattern("section_spliter")) >= a.Number("num_sections");
       }},
      {"detectable_format:number_bullet_lists",
       [](const CheckedText& t, const Arguments& a) {
         return CountBullets(t) == a.Number("num_bullets");
       }},
      {"detectable_format:number_highlighted_sections",
       [](const CheckedText& t, const Arguments& a) {
         return CountHighlights(t) >= a.Number("num_highlights");
       }},
      {"detectable_format:title",
       [](const CheckedText& t, const Arguments&) { return HasTitle(t); }},
      {"keywords:existence",
       [](const CheckedText& t, const Arguments& a) {
         for (const std::string& keyword : a.Patterns("keywords"))
           if (CountKeyword(t, keyword) == 0) return false;
         return true;
       }},
      {"keywords:forbidden_words",
       [](const CheckedText& t, const Arguments& a) {
         for (const std::string& word : a.Patterns("forbidden_words"))
           if (HasWord(t, word)) return false;
         return true;
       }},
      {"keywords:frequency",
       [](const CheckedText& t, const Arguments& a) {
         return a.Compare(CountKeyword(t, a.Pattern("keyword")), "relation", "frequency");
       }},
      {"keywords:letter_frequency",
       [](const CheckedText& t, const Arguments& a) {
         const std::u32string letter = LowerCase(Characters(a.Text("letter")));
         if (letter.size() != 1) a.Refuse("letter", "is not one letter");
         return a.Compare(CountLetter(t, letter[0]), "let_relation", "let_frequency");
       }},
      {"language:response_language",
       [](const CheckedText& t, const Arguments& a) {
         const std::string wanted = a.Text("language");
         if (!IsKnownLanguage(wanted)) a.Refuse("language", "is not among IFEval's");
         const std::string language = DetectLanguage(t.utf8);
         return language.empty() || language == wanted;
       }},
      {"length_constraints:nth_paragraph_first_word",
       [](const CheckedText& t, const Arguments& a) {
         return HasParagraphsAndFirstWord(t, a.Number("num_paragraphs"), a.Number("nth_paragraph"),
                                          a.Text("first_word"));
       }},
      {"length_constraints:number_paragraphs",
       [](const CheckedText& t, const Arguments& a) {
         return HasDividedParagraphs(t, a.Number("num_paragraphs"));
       }},
      {"length_constraints:number_sentences",
       [](const CheckedText& t, const Arguments& a) {
         return a.Compare(CountSentences(t.characters), "relation", "num_sentences");
       }},
      {"length_constraints:number_words",
       [](const CheckedText& t, const Arguments& a) {
         return a.Compare(CountWords(t.characters), "relation", "num_words");
       }},
      {"punctuation:no_comma",
       [](const CheckedText& t, const Arguments&) {
         return t.utf8.find(',') == std::string::npos;
       }},
      {"startend:end_checker",
       [](const CheckedText& t, const Arguments& a) { return EndsWith(t, a.Text("end_phrase")); }},
      {"startend:quotation", [](const CheckedText& t, const Arguments&) { return IsQuoted(t); }},
  };
  return checks;
}

std::string Trimmed(std::string_view text) { return Utf8(TrimBlanks(Characters(text))); }

// The response as it is, then without asterisks, first and last lines.
std::vector<std::string> LooseReadings(std::string_view response) {
  const size_t first = response.find('\n'), last = response.rfind('\n');
  const bool lines = first != std::string_view::npos;
  const std::string no_first = lines ? Trimmed(response.substr(first + 1)) : "",
                    no_last = lines ? Trimmed(response.substr(0, last)) : "",
                    neither = lines && last > first
                                  ? Trimmed(response.substr(first + 1, last - first - 1))
                                  : "";
  std::vector<std::string> readings = {std::string(response), no_first, no_last, neither};
  for (size_t i = 0; i < 4; ++i) readings.push_back(Replaced(readings[i], '*'));
  return readings;
}

}  // namespace

const std::vector<std::string>& InstructionIds() {
  static const std::vector<std::string> ids = [] {
    std::vector<std::string> names;
    for (const auto& [id, check] : Checks()) names.push_back(id);
    return names;
  }();
  return ids;
}

std::vector<Instruction> ParseInstructions(std::string_view json, const std::string& place) {
  Json row = Json::parse(json, nullptr, false);
  if (row.is_array() && row.size() == 1) row = Json(row[0]);
  const auto list = [&](const char* key) -> const Json* {
    return row.is_object() && row.contains(key) && row[key].is_array() ? &row[key] : nullptr;
  };
  const Json* ids = list("instruction_id_list");
  if (ids == nullptr) ids = list("instruction_id");
  const Json* kwargs = list("kwargs");
  if (ids == nullptr || kwargs == nullptr || ids->size() != kwargs->size() || ids->empty())
    throw Error(place, "has no instruction_id_list and kwargs of the same length",
                "write {\"instruction_id_list\": [...], \"kwargs\": [{...}]}");
  std::vector<Instruction> instructions;
  for (size_t i = 0; i < ids->size(); ++i) {
    const std::string id = (*ids)[i].is_string() ? (*ids)[i].get<std::string>() : "";
    if (Checks().count(id) == 0)
      throw Error(place, "there is no instruction '" + id.substr(0, 80) + "'",
                  DidYouMean(id.substr(0, 80), InstructionIds()));
    instructions.push_back({id, (*kwargs)[i].dump()});
  }
  return instructions;
}

bool Follows(const Instruction& instruction, std::string_view response, bool loose) {
  const Check check = Checks().at(instruction.id);
  const InstructionArguments arguments(instruction);
  const std::vector<std::string> readings =
      loose ? LooseReadings(response) : std::vector<std::string>{std::string(response)};
  for (const std::string& reading : readings) {
    const CheckedText text(reading);
    if (!text.trimmed.empty() && check(text, arguments)) return true;
  }
  return false;
}

}  // namespace rlvr
