// What a command is: a function that adds its options to the parser and its action to run
// afterwards.
#ifndef RLVR_CLI_COMMAND_H_
#define RLVR_CLI_COMMAND_H_
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace rlvr {

// The chosen command's action; run after parsing, so that its errors are not the parser's.
using Action = std::function<void()>;

void AddTrain(CLI::App& app, Action* action);
void AddResume(CLI::App& app, Action* action);
void AddPretrain(CLI::App& app, Action* action);
void AddSft(CLI::App& app, Action* action);
void AddEval(CLI::App& app, Action* action);
void AddGenerate(CLI::App& app, Action* action);
void AddInspect(CLI::App& app, Action* action);
void AddServe(CLI::App& app, Action* action);
void AddChat(CLI::App& app, Action* action);
void AddRecipes(CLI::App& app, Action* action);
void AddExplain(CLI::App& app, Action* action);
void AddImport(CLI::App& app, Action* action);
void AddReport(CLI::App& app, Action* action);
void AddCompare(CLI::App& app, Action* action);
void AddReplay(CLI::App& app, Action* action);
void AddCheck(CLI::App& app, Action* action);
void AddCheckRecipe(CLI::App& check, Action* action);
void AddVerify(CLI::App& app, Action* action);
void AddDoctor(CLI::App& app, Action* action);
void AddBench(CLI::App& app, Action* action);
void AddPlan(CLI::App& app, Action* action);

// A subcommand with its description and an example in the footer of its --help.
CLI::App* Subcommand(CLI::App& app, const std::string& name, const std::string& description,
                     const std::string& example);

// --chat-template-kwargs of a command that talks to a model.
void AddTemplateOption(CLI::App& command, std::string* kwargs);

// What --temperature takes: 0, which is greedy, or a temperature that rounding survives.
CLI::Validator TemperatureRange();

}  // namespace rlvr
#endif  // RLVR_CLI_COMMAND_H_
