#include "cli/cli.h"

#include <algorithm>
#include <cstdio>
#include <exception>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/suggest.h"
#include "base/thread_pool.h"
#include "cli/command.h"
#include "parallel/mpi.h"

namespace rlvr {

CLI::App* Subcommand(CLI::App& app, const std::string& name, const std::string& description,
                     const std::string& example) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  command->fallthrough();
  return command;
}

void AddTemplateOption(CLI::App& command, std::string* kwargs) {
  command.add_option("--chat-template-kwargs", *kwargs,
                     "Variables of the model's chat template, a JSON object: "
                     "'{\"enable_thinking\": false}'");
}

CLI::Validator TemperatureRange() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) &&
            (value == 0 || (value >= 1e-3 && value <= 1e3)))
          return "";
        return "is " + text + ", and must be 0 (greedy) or in [0.001, 1000]";
      },
      "0 or [0.001, 1000]");
}

namespace {

// Prints why it ends, on one line; the exit code.
int RunAction(const std::string& command, int threads, const Action& action) {
  const auto say = [](int code, const std::string& why) {
    WaitToSpeak(code);
    const std::string rank = World().first() ? "" : "rank " + std::to_string(World().rank()) + ": ";
    // On a terminal the line may hold what the key has shown: ^C.
    std::fprintf(stderr, "%srlvr: %s%s\n", code == 130 && StderrIsTerminal() ? "\n" : "",
                 rank.c_str(), why.c_str());
    return code;
  };
  try {
    JoinRanks();
    if (!World().alone() && command != "train" && command != "resume")
      throw Error("mpirun", "rlvr " + command + " runs in one process", "start it without mpirun");
    if (threads != 0) SetNumThreads(threads);
    action();
    return 0;
  } catch (const Interrupted& e) {
    return say(130, e.what());
  } catch (const std::bad_alloc&) {
    return say(1, "memory: cannot allocate (use a smaller model, batch or max_tokens)");
  } catch (const std::exception& e) {
    return say(1, e.what());
  }
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  HandleInterrupts();
  CLI::App app("rlvr: reinforcement learning with verifiable rewards, in one native process");
  app.footer("rlvr COMMAND --help shows a command's options and an example.");
  app.set_version_flag("--version", "rlvr 0.1.0");
  app.require_subcommand(1);
  int threads = 0;
  app.add_option("--threads", threads, "Threads; 0 is one per core. Results do not depend on it")
      ->check(CLI::Range(0, 1024));

  Action action;
  AddTrain(app, &action);
  AddResume(app, &action);
  AddPretrain(app, &action);
  AddSft(app, &action);
  AddEval(app, &action);
  AddGenerate(app, &action);
  AddInspect(app, &action);
  AddServe(app, &action);
  AddChat(app, &action);
  AddRecipes(app, &action);
  AddExplain(app, &action);
  AddImport(app, &action);
  AddReport(app, &action);
  AddCompare(app, &action);
  AddReplay(app, &action);
  AddCheck(app, &action);
  AddVerify(app, &action);
  AddDoctor(app, &action);
  AddBench(app, &action);
  AddPlan(app, &action);

  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    if (std::find(names.begin(), names.end(), argv[1]) == names.end()) {
      std::fprintf(stderr, "rlvr: there is no command '%s' (%s)\n", argv[1],
                   DidYouMean(argv[1], names).c_str());
      return 2;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  const int code = RunAction(argv[1], threads, action);
  LeaveRanks(code);
  return code;
}

}  // namespace rlvr
