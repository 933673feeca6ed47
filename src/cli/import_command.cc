#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "cli/command.h"
#include "train/import_verl.h"

namespace rlvr {

void AddImport(CLI::App& app, Action* action) {
  CLI::App* import =
      Subcommand(app, "import", "Another program's configuration as a recipe",
                 "rlvr import verl 'data.train_batch_size=512 algorithm.adv_estimator=grpo'");
  import->require_subcommand(1);
  CLI::App* command = Subcommand(
      *import, "verl",
      "A configuration of verl as a recipe on standard output, with every key that has no "
      "counterpart named",
      "rlvr import verl 'data.train_batch_size=512 algorithm.adv_estimator=grpo' > my_recipe.yaml");
  auto given = std::make_shared<std::string>();
  command
      ->add_option("configuration", *given,
                   "A YAML file, a shell script, or a command line in quotes")
      ->required();
  command->callback([=] {
    *action = [=] {
      std::error_code no_file;  // a command line may be longer than a name can be
      const bool file = std::filesystem::is_regular_file(*given, no_file);
      const std::string text = file ? ReadFile(*given) : *given;
      const bool yaml = file && (given->ends_with(".yaml") || given->ends_with(".yml"));
      const ImportedRecipe recipe =
          ImportVerl(yaml ? ParseVerlYaml(text, *given) : ParseVerlCommandLine(text));
      fmt::print("{}", recipe.yaml);
      fmt::print(stderr,
                 "keys without a counterpart: {}, unknown: {} (named at the recipe's end)\n",
                 recipe.not_here.size(), recipe.unknown.size());
    };
  });
}

}  // namespace rlvr
