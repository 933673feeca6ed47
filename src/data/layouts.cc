#include "data/layouts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggest.h"
#include "data/countdown.h"
#include "data/jsonl.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

bool HasAll(const Json& row, std::initializer_list<const char*> names) {
  return std::all_of(names.begin(), names.end(), [&](const char* n) { return row.contains(n); });
}

// The first of the names that is a column and not null; nullptr: none.
const Json* AnyOf(const Json& row, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = row.find(name);
    if (found != row.end() && !found->is_null()) return &*found;
  }
  return nullptr;
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string WithoutCommas(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  return text;
}

// GSM8K's: what follows the last "####", without thousands separators. False: there is none.
bool AnswerAfterMarker(const std::string& solution, std::string* answer) {
  const size_t marker = solution.rfind("####");
  if (marker == std::string::npos) return false;
  *answer = WithoutCommas(Trimmed(solution.substr(marker + 4)));
  return true;
}

// MATH's: what the last \boxed{...} or \fbox{...} holds; \boxed 5 holds what follows up to a "$".
bool LastBoxed(const std::string& solution, std::string* answer) {
  size_t begin = solution.rfind("\\boxed");
  if (begin == std::string::npos) begin = solution.rfind("\\fbox");
  if (begin == std::string::npos) return false;
  begin = solution.find_first_of("{ ", begin);
  if (begin == std::string::npos) return false;
  if (solution[begin] == ' ') {
    *answer = Trimmed(solution.substr(begin, solution.find('$', begin) - begin));
    return true;
  }
  int depth = 0;
  for (size_t i = begin; i < solution.size(); ++i) {
    if (solution[i] == '\\') {  // an escaped brace does not count
      ++i;
    } else if (solution[i] == '{') {
      ++depth;
    } else if (solution[i] == '}' && --depth == 0) {
      *answer = Trimmed(solution.substr(begin + 1, i - begin - 1));
      return true;
    }
  }
  return false;
}

// AIME writes 025 for 25.
std::string WithoutLeadingZeros(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return text;
  const size_t begin = text.find_first_not_of('0');
  return begin == std::string::npos ? "0" : text.substr(begin);
}

[[noreturn]] void Missing(const std::string& place, const std::string& what) {
  throw Error(place, what, "mend or remove this row");
}

// A final answer in one text: OlympiadBench's are lists.
std::string JoinedAnswer(const Json& answer) {
  if (!answer.is_array()) return ColumnText(answer);
  std::string joined;
  for (const Json& item : answer) joined += (joined.empty() ? "" : ", ") + ColumnText(item);
  return joined;
}

// What tells a row's subject, level and origin apart, for tables by subject.
std::string ExtraInfo(const Json& row, int64_t index) {
  Json info = Json::object();
  info["index"] = index;
  if (const Json* subject = AnyOf(row, {"subject", "type", "Type", "subfield"}))
    info["subject"] = *subject;
  if (const Json* level = AnyOf(row, {"level", "Level", "difficulty"})) info["level"] = *level;
  if (const Json* id = AnyOf(row, {"unique_id", "id", "ID", "idx", "key"})) info["id"] = *id;
  return info.dump();
}

}  // namespace

RowLayout::RowLayout(const Json& first_row, const PromptFileSettings& settings,
                     const std::string& stem, const std::string& place)
    : settings_(settings), stem_(stem) {
  Recognise(first_row, place);
}

void RowLayout::Recognise(const Json& row, const std::string& place) {
  const auto is = [&](Kind kind, const char* description) {
    kind_ = kind;
    description_ = description;
  };
  std::string &prompt_column = settings_.prompt_column, &answer_column = settings_.answer_column;
  if (!prompt_column.empty() || !answer_column.empty()) {
    // With one of them alone the other is verl's.
    const bool verl = row.contains("reward_model") || row.contains("ground_truth");
    if (answer_column.empty() && !verl)
      throw Error(place, "data.columns names a prompt, but no answer is there",
                  "give data.columns.answer");
    if (prompt_column.empty()) prompt_column = "prompt";
    is(answer_column.empty() ? Kind::kColumns : Kind::kMapped, "");
    description_ = "data.columns (" + prompt_column +
                   (answer_column.empty() ? ", ground_truth)" : ", " + answer_column + ")");
    Column(row, prompt_column, place);
    return;
  }
  const Json* answer = AnyOf(row, {"answer"});
  if (HasAll(row, {"shards"}) && !row.contains("prompt")) {
    is(Kind::kSharded, "questions in shards (question, shards)");
  } else if (row.contains("prompt") &&
             (row.contains("reward_model") || row.contains("ground_truth"))) {
    is(Kind::kColumns, row.contains("reward_model") ? "verl's columns (prompt, reward_model)"
                                                    : "prompt, ground_truth");
  } else if (HasAll(row, {"prompt", "instruction_id_list", "kwargs"})) {
    is(Kind::kInstructions, "IFEval (prompt, instruction_id_list, kwargs)");
  } else if (HasAll(row, {"nums", "target"})) {
    is(Kind::kCountdown, "Countdown (nums, target)");
  } else if (HasAll(row, {"Body", "Question", "Answer"})) {
    is(Kind::kSvamp, "SVAMP (Body, Question, Answer)");
  } else if (HasAll(row, {"question", "final_answer"})) {
    is(Kind::kOlympiad, "OlympiadBench (question, final_answer)");
  } else if (HasAll(row, {"question", "answer"})) {
    if (answer != nullptr && ColumnText(*answer).find("####") != std::string::npos) {
      is(Kind::kGsm8k, "GSM8K (question, answer after ####)");
    } else {
      is(Kind::kQuestion, "question, answer");
    }
  } else if (HasAll(row, {"problem", "solution", "level"})) {
    is(Kind::kMath, row.contains("answer") ? "MATH (problem, answer)"
                                           : "MATH (problem, the solution's last \\boxed)");
  } else if ((row.contains("problem") || row.contains("Problem")) &&
             AnyOf(row, {"answer", "Answer", "solution", "Solution"}) != nullptr) {
    is(Kind::kProblem, AnyOf(row, {"answer", "Answer"}) != nullptr
                           ? "AIME (problem, answer)"
                           : "problem, the solution's last \\boxed");
  } else if (HasAll(row, {"prompt", "answer"})) {
    is(Kind::kPrompt, "prompt, answer");
  } else {
    std::string present;
    for (const auto& [key, value] : row.items()) present += (present.empty() ? "" : ", ") + key;
    const std::string missing = row.contains("prompt") ? "ground_truth" : "prompt";
    std::vector<std::string> names;
    for (const auto& [key, value] : row.items()) names.push_back(key);
    throw Error(
        place,
        "has no column '" + missing + "', and the layout of its columns is not known: " + present,
        DidYouMean(missing, names) + "; data.columns names them, docs/prompts.md lists layouts");
  }
}

void RowLayout::Fill(const Json& row, const std::string& place, Prompt* p) const {
  const auto ask = [&](const std::string& text) { p->messages = {{"user", Trimmed(text)}}; };
  const auto text = [&](const char* name) { return ColumnText(Column(row, name, place)); };
  const auto boxed = [&](const Json& solution) {
    p->target = ColumnText(solution);
    if (!LastBoxed(p->target, &p->ground_truth))
      Missing(place, "column 'solution' has no \\boxed answer");
  };
  p->data_source = stem_;
  p->ability = "math";
  p->extra_info = ExtraInfo(row, p->index);
  switch (kind_) {
    case Kind::kColumns:
    case Kind::kSharded:
      *p = row.contains("shards") && !row.contains("prompt")
               ? ParseShardedRecord(row, place, p->index)
               : ParseColumns(row, place, p->index,
                              settings_.prompt_column.empty() ? "prompt" : settings_.prompt_column);
      return;
    case Kind::kMapped:
      ReadMessages(Column(row, settings_.prompt_column, place), place, p);
      p->ground_truth = JoinedAnswer(Column(row, settings_.answer_column, place));
      p->ability.clear();
      return;
    case Kind::kPrompt:
      ReadMessages(Column(row, "prompt", place), place, p);
      p->ground_truth = JoinedAnswer(Column(row, "answer", place));
      if (const Json* source = AnyOf(row, {"data_source", "source"}))
        p->data_source = ColumnText(*source);
      return;
    case Kind::kInstructions:
      ReadMessages(Column(row, "prompt", place), place, p);
      p->data_source = "ifeval";
      p->ability = "instruction_following";
      p->ground_truth = Json{{"instruction_id_list", Column(row, "instruction_id_list", place)},
                             {"kwargs", Column(row, "kwargs", place)}}
                            .dump();
      return;
    case Kind::kCountdown: {
      CountdownProblem problem;
      problem.numbers = Column(row, "nums", place).get<std::vector<int64_t>>();
      problem.target = Column(row, "target", place).get<int64_t>();
      ask(CountdownQuestion(problem));
      p->data_source = "countdown";
      p->ground_truth = Json{{"target", problem.target}, {"numbers", problem.numbers}}.dump();
      return;
    }
    case Kind::kSvamp: {
      std::string body = Trimmed(text("Body"));
      if (!body.empty() && body.back() != '.') body += '.';
      ask(body + " " + Trimmed(text("Question")));
      p->data_source = "svamp";
      p->ground_truth = text("Answer");
      return;
    }
    case Kind::kOlympiad: {
      const Json* context = AnyOf(row, {"context"});
      ask((context != nullptr ? ColumnText(*context) + "\n" : "") + text("question"));
      p->data_source = "olympiadbench";
      p->ground_truth = JoinedAnswer(Column(row, "final_answer", place));
      return;
    }
    case Kind::kGsm8k:
      ask(text("question"));
      p->data_source = "openai/gsm8k";
      p->target = text("answer");
      if (!AnswerAfterMarker(p->target, &p->ground_truth))
        Missing(place, "column 'answer' has no '####' before its final answer");
      return;
    case Kind::kQuestion:
      ask(text("question"));
      p->ground_truth = JoinedAnswer(Column(row, "answer", place));
      return;
    case Kind::kMath:
      ask(text("problem"));
      p->data_source = "lighteval/MATH";
      if (const Json* answer = AnyOf(row, {"answer"})) {
        p->ground_truth = ColumnText(*answer);
        p->target = text("solution");
      } else {
        boxed(Column(row, "solution", place));
      }
      return;
    case Kind::kProblem: {
      ask(text(row.contains("problem") ? "problem" : "Problem"));
      const Json* solution = AnyOf(row, {"solution", "Solution"});
      if (const Json* answer = AnyOf(row, {"answer", "Answer"})) {
        p->ground_truth = WithoutLeadingZeros(JoinedAnswer(*answer));
        if (solution != nullptr) p->target = ColumnText(*solution);
      } else if (solution != nullptr) {
        boxed(*solution);
      } else {
        Missing(place, "has neither an answer nor a solution");
      }
      return;
    }
  }
}

Prompt RowLayout::Parse(const Json& row, const std::string& place, int64_t index) const {
  Prompt p;
  p.index = index;
  try {
    if (!row.is_object()) Missing(place, "is no JSON object");
    Fill(row, place, &p);
    if (!settings_.source_column.empty())
      p.data_source = ColumnText(Column(row, settings_.source_column, place));
  } catch (const Json::exception& e) {
    throw Error(place, e.what(), "mend or remove this row");
  }
  const std::string& instruction = settings_.instruction;
  if (!instruction.empty() && p.messages.back().first == "user") {
    std::string& text = p.messages.back().second;
    if (!text.ends_with(instruction)) text += " " + instruction;
  }
  if (!settings_.system.empty()) {
    if (p.messages.front().first == "system") p.messages.erase(p.messages.begin());
    p.messages.insert(p.messages.begin(), {"system", settings_.system});
  }
  return p;
}

}  // namespace rlvr
