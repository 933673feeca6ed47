// The layers of CMakeLists.txt hold for every #include: a folder of src/ sees itself and what its
// rlvr_module line allows, through others too; and no two files include each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Folder -> folders that it may include, itself and what follows from others' lines included.
std::map<std::string, std::set<std::string>> Layers(const std::string& cmake) {
  std::map<std::string, std::set<std::string>> allowed;
  const std::regex line(R"((?:^|\n)rlvr_(module\(|program\(\w+ )(\w+)([^)]*)\))");
  for (std::sregex_iterator it(cmake.begin(), cmake.end(), line), end; it != end; ++it) {
    std::set<std::string>& own = allowed[(*it)[2].str()];
    own.insert((*it)[2].str());
    std::istringstream names((*it)[3].str());
    for (std::string name; names >> name;) {
      own.insert(name);
      own.insert(allowed[name].begin(), allowed[name].end());  // lines stand bottom up
    }
  }
  return allowed;
}

struct Include {
  std::string path;  // as written, from src/
  int line = 0;
};

// File -> its includes of files that src/ has. Paths from src/.
std::map<std::string, std::vector<Include>> Includes(const fs::path& src) {
  std::map<std::string, std::vector<Include>> files;
  const std::regex include(R"re(^\s*#\s*include\s+"([^"]+)")re");
  for (const auto& entry : fs::recursive_directory_iterator(src)) {
    const std::string extension = entry.path().extension().string();
    if (!entry.is_regular_file() || (extension != ".cc" && extension != ".h")) continue;
    auto& list = files[fs::relative(entry.path(), src).generic_string()];
    std::istringstream text(Read(entry.path()));
    int number = 0;
    for (std::string line; std::getline(text, line);) {
      ++number;
      std::smatch match;
      if (std::regex_search(line, match, include) && fs::exists(src / match[1].str()))
        list.push_back({match[1].str(), number});
    }
  }
  return files;
}

std::string FolderOf(const std::string& path) { return path.substr(0, path.find('/')); }

void FindCycle(const std::map<std::string, std::vector<Include>>& files, const std::string& file,
               std::vector<std::string>* path, std::set<std::string>* done,
               std::vector<std::string>* problems) {
  const auto on_path = std::find(path->begin(), path->end(), file);
  if (on_path != path->end()) {
    std::string cycle = "include cycle: ";
    for (auto it = on_path; it != path->end(); ++it) cycle += *it + " -> ";
    problems->push_back(cycle + file);
    return;
  }
  if (!done->insert(file).second) return;
  path->push_back(file);
  const auto it = files.find(file);
  if (it != files.end())
    for (const Include& include : it->second) FindCycle(files, include.path, path, done, problems);
  path->pop_back();
}

std::vector<std::string> Problems(const std::string& cmake, const fs::path& src) {
  const auto layers = Layers(cmake);
  const auto files = Includes(src);
  std::vector<std::string> problems;
  for (const auto& [file, includes] : files) {
    const auto layer = layers.find(FolderOf(file));
    if (layer == layers.end()) {
      problems.push_back(file + ": its folder has no rlvr_module line in CMakeLists.txt");
      continue;
    }
    for (const Include& include : includes) {
      if (layer->second.count(FolderOf(include.path)) != 0) continue;
      problems.push_back(file + ":" + std::to_string(include.line) + ": " + FolderOf(file) +
                         " may not include " + include.path);
    }
  }
  std::set<std::string> done;
  for (const auto& [file, includes] : files) {
    std::vector<std::string> path;
    FindCycle(files, file, &path, &done, &problems);
  }
  return problems;
}

TEST(Layers, HoldInSrc) {
  const fs::path root = RLVR_SOURCE_DIR;
  EXPECT_GE(Layers(Read(root / "CMakeLists.txt")).size(), 13u);
  EXPECT_GE(Includes(root / "src").size(), 200u);
  for (const std::string& problem : Problems(Read(root / "CMakeLists.txt"), root / "src"))
    ADD_FAILURE() << problem;
}

class LayersTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(src_); }
  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((src_ / path).parent_path());
    std::ofstream(src_ / path) << text;
  }
  const fs::path src_ = fs::path(testing::TempDir()) / "layers_test";
  const std::string cmake_ =
      "rlvr_module(base)\nrlvr_module(tree base)\nrlvr_module(model tree)\nrlvr_module(data)\n"
      "rlvr_program(rlvr cli model)\n";
};

TEST_F(LayersTest, NamesTheLine) {
  Write("base/a.h", "#include <vector>\n");
  Write("tree/t.h", "#include \"base/a.h\"\n");
  Write("model/m.cc", "#include \"tree/t.h\"\n#include \"base/a.h\"\n#include \"hwy/h.h\"\n");
  Write("cli/main.cc", "#include \"base/a.h\"\n");  // through model and tree
  EXPECT_TRUE(Problems(cmake_, src_).empty());
  Write("tree/up.h", "\n#include \"model/m.cc\"\n");
  Write("data/d.h", "#include \"base/a.h\"\n");
  Write("extra/e.h", "");
  EXPECT_EQ(
      Problems(cmake_, src_),
      (std::vector<std::string>{"data/d.h:1: data may not include base/a.h",
                                "extra/e.h: its folder has no rlvr_module line in CMakeLists.txt",
                                "tree/up.h:2: tree may not include model/m.cc"}));
}

TEST_F(LayersTest, FindsCycles) {
  Write("base/a.h", "#include \"base/b.h\"\n");
  Write("base/b.h", "#include \"base/c.h\"\n");
  Write("base/c.h", "  #  include \"base/b.h\"\n");
  EXPECT_EQ(Problems(cmake_, src_),
            std::vector<std::string>{"include cycle: base/b.h -> base/c.h -> base/b.h"});
}

}  // namespace
