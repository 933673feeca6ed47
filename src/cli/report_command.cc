#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "report/conversation_view.h"
#include "report/report.h"

namespace rlvr {

void AddReport(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "report", "Write a run's report.html, or recorded conversations as a page",
                 "rlvr report runs/quickstart");
  auto run = std::make_shared<std::string>();
  command->add_option("run", *run, "The run's folder, or transcripts (a .jsonl file)")->required();
  auto picture = std::make_shared<std::string>();
  command->add_option("--picture", *picture,
                      "Also write the curve of held-out accuracy as an SVG file");
  command->callback([=] {
    *action = [=] {
      if (run->ends_with(".jsonl")) return fmt::print("{}\n", WriteConversations(*run));
      fmt::print("{}\n", WriteReport(*run));
      if (!picture->empty()) WriteAccuracyPicture(*run, *picture);
    };
  });
}

}  // namespace rlvr
