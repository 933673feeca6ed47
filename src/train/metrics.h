// A run's scalars: metrics.jsonl (one JSON object a step, keys sorted, shortest numbers that read
// back exactly) and TensorBoard event files with the same. Both are cut back to a checkpoint on
// resuming.
#ifndef RLVR_TRAIN_METRICS_H_
#define RLVR_TRAIN_METRICS_H_
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

namespace rlvr {

using Metrics = std::map<std::string, double>;  // a NaN or infinity is written as null

// timing_s/*, perf/*: the only ones in which two equal runs may differ.
bool IsVolatileMetric(const std::string& name);

// mean, max and min of `values` under name/mean, name/max, name/min; nothing if there are none.
class Summary {
 public:
  void Add(double value, double weight = 1);
  double mean() const { return sum_ / weight_; }
  double max() const { return max_; }
  void Write(const std::string& name, Metrics* metrics) const;

 private:
  double sum_ = 0, weight_ = 0, max_ = 0, min_ = 0;
};

// Both files of one run folder. Every Write is on disk's way when it returns (flushed, not synced);
// a failed write throws Error naming the file.
class MetricsLog {
 public:
  // Opens for appending after `last_step`: later lines, and a line that was cut off by a crash, are
  // removed. last_step -1: both start empty.
  MetricsLog(const std::string& run_folder, int64_t last_step);
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;
  void Write(int64_t step, const Metrics& metrics);

 private:
  struct File;
  std::unique_ptr<File> jsonl_, events_;
};

// The line of `step` in RUN/metrics.jsonl; an Error if there is none.
Metrics ReadMetrics(const std::string& run_folder, int64_t step);

// --- TensorBoard's file format -------------------------------------------------------------------
// A TFRecord: length (8 bytes, little-endian), its masked CRC-32C, data, the data's masked CRC-32C.
std::string FrameRecord(const std::string& data);
uint32_t MaskedCrc32c(const void* data, size_t size);

}  // namespace rlvr
#endif  // RLVR_TRAIN_METRICS_H_
