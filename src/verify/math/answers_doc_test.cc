// docs/answers.md lists the verifiers there are. RLVR_WRITE_DOCS=1 writes the list.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "verify/verify.h"

namespace rlvr {
namespace {

TEST(AnswersDoc, ListsEveryVerifier) {
  const std::string path = std::string(RLVR_SOURCE_DIR) + "/docs/answers.md";
  std::stringstream file;
  file << std::ifstream(path).rdbuf();
  std::string text = file.str();
  const size_t mark = text.find("<!-- list of graders"), end = text.find("<!-- end of list -->");
  ASSERT_NE(mark, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t begin = text.find('\n', mark) + 1;
  std::string list = "| name | what is right | after |\n|---|---|---|\n";
  for (const VerifierInfo& v : Verifiers())
    list += fmt::format("| `{}` | {} | {} |\n", v.name, v.description, v.source);
  if (std::getenv("RLVR_WRITE_DOCS") != nullptr) {
    text.replace(begin, end - begin, list);
    std::ofstream(path) << text;
    return;
  }
  EXPECT_EQ(text.substr(begin, end - begin), list)
      << "docs/answers.md is old: RLVR_WRITE_DOCS=1 writes it";
}

}  // namespace
}  // namespace rlvr
