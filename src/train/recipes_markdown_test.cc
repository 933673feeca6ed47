#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/file.h"
#include "objective/objective.h"
#include "train/key_map.h"
#include "train/recipe.h"

namespace rlvr {
namespace {

TEST(RecipesMarkdown, DocumentIsUpToDate) {
  const std::string path = RLVR_SOURCE_DIR "/docs/recipes.md", text = RecipesMarkdown();
  if (std::getenv("RLVR_WRITE_DOCS")) WriteFileAtomically(path, text);
  EXPECT_EQ(ReadFile(path), text)
      << "write it anew: RLVR_WRITE_DOCS=1 build/release/rlvr_train_test";
  for (const auto& key : RecipeKeys())  // no section is left out
    EXPECT_NE(text.find("| `" + key.path + "` |"), std::string::npos) << key.path;
  EXPECT_NE(text.find("| `update.lr` | `1e-06` | 0 to 1000 |"), std::string::npos);
  EXPECT_NE(text.find("| `policy_loss` | `decoupled_clip` |"), std::string::npos);
}

// stage[method].parameter and stage[method], of the methods there are.
std::set<std::string> MethodKeys() {
  std::set<std::string> keys;
  for (const auto& method : DescribeMethods()) {
    const std::string place = method.stage + "[" + method.name + "]";
    keys.insert(place);
    for (const auto& parameter : method.params) keys.insert(place + "." + parameter.name);
  }
  return keys;
}

// A key that the resolved recipe has, by its dotted path.
bool Has(const ConfigNode& root, std::string_view path) {
  const ConfigNode* node = &root;
  for (size_t begin = 0; node != nullptr && begin <= path.size();) {
    const size_t dot = std::min(path.find('.', begin), path.size());
    node = node->Find(std::string(path.substr(begin, dot - begin)));
    begin = dot + 1;
  }
  return node != nullptr;
}

TEST(KeyMap, OurKeysExist) {
  const Recipe quickstart = LoadRecipe(RLVR_SOURCE_DIR "/recipes/quickstart.yaml", {});
  const std::set<std::string> methods = MethodKeys();
  int of_recipe = 0, of_methods = 0;
  for (const KeyMapping& key : KeyMap()) {
    if (key.ours.empty()) {
      EXPECT_FALSE(key.how.empty()) << key.verl << ": says nothing";
    } else if (key.ours.find('[') != std::string_view::npos) {
      EXPECT_TRUE(methods.count(std::string(key.ours))) << key.ours;
      ++of_methods;
    } else {
      EXPECT_TRUE(Has(quickstart.resolved, key.ours)) << key.ours;
      ++of_recipe;
    }
  }
  EXPECT_GE(of_recipe, 40);
  EXPECT_GE(of_methods, 10);
  EXPECT_FALSE(Has(quickstart.resolved, "update.learning_rate"));
}

// One verl key with one TRL key says one thing: a reader of configurations can rely on it.
TEST(KeyMap, RowsAreNotRepeated) {
  std::set<std::tuple<std::string_view, std::string_view, std::string_view>> seen;
  for (const KeyMapping& key : KeyMap()) {
    EXPECT_FALSE(key.verl.empty() && key.trl.empty()) << key.ours;
    EXPECT_TRUE(seen.insert({key.verl, key.trl, key.ours}).second) << key.verl << " " << key.trl;
    for (const std::string_view text : {key.verl, key.trl, key.ours, key.how})
      EXPECT_EQ(text.find('|'), std::string_view::npos) << text << " breaks the table";
  }
}

}  // namespace
}  // namespace rlvr
