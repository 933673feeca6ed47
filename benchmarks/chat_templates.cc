// Chat templates against transformers: chat_templates CASES.jsonl [CASES.jsonl ...]. A line of
// cases (tests/reference/chat_templates/make_cases.py writes them) is either
//   {"template": name, "source": Jinja, "special_tokens": {...}}, which names a template, or
//   {"template", "messages", "add_generation_prompt", "tools", "kwargs", "now", "expected"},
// where "expected" is what transformers rendered, null where it raised. Prints the disagreements and
// a table of agreements by template.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "text/chat_template.h"

namespace {

using Json = nlohmann::ordered_json;

struct Count {
  int64_t cases = 0, same = 0, refused = 0;
};

rlvr::Message MessageOf(Json json) {
  rlvr::Message message;
  message.role = json.value("role", "");
  if (json.contains("content") && json["content"].is_string()) {
    message.content = json["content"].get<std::string>();
    json.erase("content");
  }
  json.erase("role");
  message.extra = json.dump();
  return message;
}

// The text, or nothing where the template refuses.
std::optional<std::string> Render(const rlvr::ChatTemplate& chat, const Json& row,
                                  std::string* error) {
  std::vector<rlvr::Message> messages;
  for (const Json& m : row.at("messages")) messages.push_back(MessageOf(m));
  rlvr::ChatOptions options{.add_generation_prompt = row.at("add_generation_prompt").get<bool>(),
                            .now = row.value("now", int64_t{-1})};
  Json kwargs = row.value("kwargs", Json::object());
  if (kwargs.contains("tools")) {
    options.tools = kwargs["tools"].dump();
    kwargs.erase("tools");
  }
  options.kwargs = kwargs.dump();
  try {
    return chat.Render(messages, options);
  } catch (const rlvr::Error& e) {
    *error = e.what();
    return std::nullopt;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::shared_ptr<const rlvr::ChatTemplate>> templates;
  std::map<std::string, Count> counts;
  Count all;
  double seconds = 0;
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i]);
    for (std::string line; std::getline(file, line);) {
      const Json row = Json::parse(line);
      const auto name = row.at("template").get<std::string>();
      if (row.contains("source")) {
        try {
          templates[name] = rlvr::ChatTemplate::FromSource(
              row["source"], name, row["special_tokens"].get<std::map<std::string, std::string>>(),
              "{}");
        } catch (const rlvr::Error& e) {
          std::printf("%s: not read: %s\n", name.c_str(), e.what());
        }
        continue;
      }
      Count& count = counts[name];
      ++count.cases;
      const auto chat = templates.find(name);
      if (chat == templates.end()) continue;
      std::string error;
      const auto start = std::chrono::steady_clock::now();
      const auto got = Render(*chat->second, row, &error);
      seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      const Json& expected = row.at("expected");
      const bool same = got ? expected.is_string() && expected.get<std::string>() == *got
                            : expected.is_null();
      count.same += same;
      count.refused += same && !got;
      if (same || count.cases - count.same > 3) continue;
      std::printf("%s: %s\n  transformers: %s\n  here:         %s\n", name.c_str(), line.c_str(),
                  expected.dump().c_str(), got ? Json(*got).dump().c_str() : error.c_str());
    }
  }
  std::printf("%-40s %8s %8s %8s\n", "template", "cases", "same", "refused");
  for (const auto& [name, count] : counts) {
    std::printf("%-40s %8ld %8ld %8ld\n", name.c_str(), static_cast<long>(count.cases),
                static_cast<long>(count.same), static_cast<long>(count.refused));
    all.cases += count.cases;
    all.same += count.same;
    all.refused += count.refused;
  }
  std::printf("%-40s %8ld %8ld %8ld\n", "all", static_cast<long>(all.cases),
              static_cast<long>(all.same), static_cast<long>(all.refused));
  std::printf("%.1f us a conversation\n", 1e6 * seconds / static_cast<double>(all.cases));
  return all.same == all.cases ? 0 : 1;
}
