#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "report/report.h"

namespace rlvr {

void AddReport(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "report", "Write a run's report.html", "rlvr report runs/dapo_gsm_micro");
  auto run = std::make_shared<std::string>();
  command->add_option("run", *run, "The run's folder")->required();
  command->callback([=] { *action = [=] { fmt::print("{}\n", WriteReport(*run)); }; });
}

}  // namespace rlvr
