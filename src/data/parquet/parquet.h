// Parquet files as verl and pyarrow write them, as rows of JSON: nested lists and structs, data pages
// of both versions, plain, dictionary and delta encodings; uncompressed, Snappy, gzip and Zstd
// (docs/prompts.md). What is not read, and what is damaged, is an Error that names the file, the
// column and the encoding.
#ifndef RLVR_DATA_PARQUET_PARQUET_H_
#define RLVR_DATA_PARQUET_PARQUET_H_
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

class ParquetReader {
 public:
  // bytes: the whole file, which stays. place: its name.
  ParquetReader(std::string_view bytes, std::string place);
  ~ParquetReader();
  ParquetReader(const ParquetReader&) = delete;
  ParquetReader& operator=(const ParquetReader&) = delete;
  int64_t num_rows() const;
  int64_t num_row_groups() const;
  // The rows of one group, each an object with the columns in the schema's order. Lists are arrays,
  // maps with text keys objects, numbers that are not finite null, bytes that are no text binary.
  std::vector<nlohmann::ordered_json> ReadRowGroup(int64_t group) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rlvr
#endif  // RLVR_DATA_PARQUET_PARQUET_H_
