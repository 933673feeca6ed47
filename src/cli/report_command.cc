#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "report/report.h"

namespace rlvr {

void AddReport(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "report", "Write a run's report.html", "rlvr report runs/quickstart");
  auto run = std::make_shared<std::string>();
  command->add_option("run", *run, "The run's folder")->required();
  auto picture = std::make_shared<std::string>();
  command->add_option("--picture", *picture,
                      "Also write the curve of held-out accuracy as an SVG file");
  command->callback([=] {
    *action = [=] {
      fmt::print("{}\n", WriteReport(*run));
      if (!picture->empty()) WriteAccuracyPicture(*run, *picture);
    };
  });
}

}  // namespace rlvr
