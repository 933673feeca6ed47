// How far the checks of IFEval agree with the authors' program, by instruction: prints a table.
//   ifeval_agreement WHOLE     the file that tests/reference/instructions/make_responses.py writes
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "verify/instructions/instruction.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: ifeval_agreement WHOLE\n");
    return 2;
  }
  struct Tally {
    int same = 0, total = 0;
  };
  std::map<std::string, Tally> by_id, by_kind;
  std::ifstream file(argv[1]);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    const auto instructions = rlvr::ParseInstructions(line, "row");
    const std::string response = row["response"], kind = row["kind"];
    for (size_t i = 0; i < instructions.size(); ++i) {
      for (const bool loose : {false, true}) {
        const bool want = row[loose ? "loose" : "strict"][i];
        const bool same = rlvr::Follows(instructions[i], response, loose) == want;
        for (Tally* t :
             {&by_id[instructions[i].id], &by_kind[kind + (loose ? ", loose" : ", strict")]}) {
          t->same += same;
          ++t->total;
        }
        if (!same)
          std::printf("%s %s %s: theirs %s: %s\n", row["key"].dump().c_str(),
                      instructions[i].id.c_str(), instructions[i].kwargs.c_str(),
                      want ? "follows" : "does not",
                      nlohmann::json(response.substr(0, 160))
                          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                          .c_str());
      }
    }
  }
  for (const auto* table : {&by_id, &by_kind})
    for (const auto& [name, t] : *table)
      std::printf("%-50s %6d / %6d  %.2f %%\n", name.c_str(), t.same, t.total,
                  100.0 * t.same / t.total);
  return 0;
}
