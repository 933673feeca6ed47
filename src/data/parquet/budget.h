// How much memory the rows of a file may take: far above what real data reaches, so that a damaged
// or hostile file of a few bytes cannot ask for all there is.
#ifndef RLVR_DATA_PARQUET_BUDGET_H_
#define RLVR_DATA_PARQUET_BUDGET_H_
#include <cstdint>
#include <string>

#include "base/error.h"

namespace rlvr::parquet {

class Budget {
 public:
  static constexpr int64_t kValueBytes = 64;  // of a value and its place in a row, about
  explicit Budget(size_t file_bytes)
      : left_((int64_t{1} << 28) + 256 * static_cast<int64_t>(file_bytes)) {}
  void TakeValues(int64_t n, const std::string& place) {
    Take(n > left_ / kValueBytes ? left_ + 1 : n * kValueBytes, place);
  }
  void Take(int64_t bytes, const std::string& place) {
    if (bytes < 0 || bytes > left_)
      throw Error(place, "damaged Parquet file: it unpacks to far more than its size allows",
                  "write the file again, or in smaller row groups");
    left_ -= bytes;
  }

 private:
  int64_t left_;
};

}  // namespace rlvr::parquet
#endif  // RLVR_DATA_PARQUET_BUDGET_H_
