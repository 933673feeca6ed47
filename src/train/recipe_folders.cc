#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/suggest.h"
#include "train/recipe.h"

namespace rlvr {
namespace {

std::vector<std::string> RecipeFolders() {
  std::vector<std::string> folders;
  if (const char* given = std::getenv("RLVR_RECIPES"); given != nullptr)
    folders.emplace_back(given);
  folders.emplace_back("recipes");
  folders.emplace_back(RLVR_SOURCE_DIR "/recipes");
  return folders;
}

// "# DAPO, arXiv:2503.14476." -> "DAPO, arXiv:2503.14476."; empty without a comment.
std::string FirstComment(const std::string& path) {
  const std::string text = ReadFile(path);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const size_t hash = text.find('#', begin);
    if (hash < end) {
      const size_t start = text.find_first_not_of("# ", hash);
      return start < end ? text.substr(start, end - start) : "";
    }
    begin = end + 1;
  }
  return "";
}

}  // namespace

std::string FindRecipe(const std::string& name) {
  if (std::filesystem::is_regular_file(name)) return name;
  const bool is_path = name.find('/') != std::string::npos;
  const std::string file =
      std::filesystem::path(name).extension() == ".yaml" ? name : name + ".yaml";
  if (!is_path) {
    for (const auto& folder : RecipeFolders()) {
      if (std::filesystem::is_regular_file(folder + "/" + file)) return folder + "/" + file;
    }
  }
  std::vector<std::string> known;
  for (const auto& [known_name, description] : ListRecipes()) known.push_back(known_name);
  throw Error(name, "no such recipe", is_path ? "check the path" : DidYouMean(name, known));
}

std::vector<std::pair<std::string, std::string>> ListRecipes() {
  std::map<std::string, std::string> recipes;  // the first folder that has a name wins
  for (const auto& folder : RecipeFolders()) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() != ".yaml") continue;
      recipes.emplace(entry.path().stem().string(), entry.path().string());
    }
  }
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& [name, path] : recipes) list.emplace_back(name, FirstComment(path));
  return list;
}

}  // namespace rlvr
