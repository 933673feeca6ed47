// Prints the rows of a Parquet file as JSON lines: parquet_rows FILE. parquet_check.py compares them
// with pyarrow's.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "data/parquet/parquet.h"

int main(int argc, char** argv) try {
  if (argc != 2) throw rlvr::Error("parquet_rows", "no file given", "parquet_rows FILE");
  const rlvr::MappedFile file(argv[1]);
  const rlvr::ParquetReader reader(file.bytes(), argv[1]);
  for (int64_t g = 0; g < reader.num_row_groups(); ++g) {
    for (const nlohmann::ordered_json& row : reader.ReadRowGroup(g))
      std::printf("%s\n", row.dump().c_str());
  }
} catch (const rlvr::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
