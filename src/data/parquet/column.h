// One column of a row group: its pages' levels and values.
#ifndef RLVR_DATA_PARQUET_COLUMN_H_
#define RLVR_DATA_PARQUET_COLUMN_H_
#include <string>
#include <string_view>
#include <vector>

#include "data/parquet/encoding.h"
#include "data/parquet/metadata.h"

namespace rlvr::parquet {

struct Column {
  std::vector<uint8_t> definition, repetition;  // [entries]; empty where the schema's level is 0
  int64_t num_entries = 0;                      // values and nulls
  Values values;                                // those with the leaf's definition level
};

Column ReadColumn(std::string_view file, const SchemaNode& leaf, const ColumnChunk& chunk,
                  const std::string& place, Budget* budget);

}  // namespace rlvr::parquet
#endif  // RLVR_DATA_PARQUET_COLUMN_H_
