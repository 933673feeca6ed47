#include "train/metrics.h"

#include <errno.h>
#include <fmt/format.h>
#include <isa-l/crc.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "events.pb.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string LittleEndian(uint64_t value, int bytes) {
  std::string s;
  for (int i = 0; i < bytes; ++i) s.push_back(static_cast<char>(value >> (8 * i)));
  return s;
}

uint64_t ReadLittleEndian(std::string_view s, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i)
    value |= uint64_t{static_cast<uint8_t>(s[static_cast<size_t>(i)])} << (8 * i);
  return value;
}

// Length of the part of metrics.jsonl whose lines are whole and not after last_step.
size_t KeptLines(const std::string& text, int64_t last_step) {
  size_t kept = 0;
  for (size_t end; (end = text.find('\n', kept)) != std::string::npos; kept = end + 1) {
    const auto line =
        nlohmann::json::parse(text.begin() + static_cast<ptrdiff_t>(kept),
                              text.begin() + static_cast<ptrdiff_t>(end), nullptr, false);
    if (!line.is_object() || !line.contains("step") || line["step"].get<int64_t>() > last_step)
      break;
  }
  return kept;
}

// The same of an event file.
size_t KeptEvents(const std::string& bytes, int64_t last_step) {
  size_t kept = 0;
  while (bytes.size() - kept >= 16) {
    const uint64_t length = ReadLittleEndian(std::string_view(bytes).substr(kept), 8);
    if (length > bytes.size() - kept - 16) break;
    const std::string_view record = std::string_view(bytes).substr(kept, length + 16);
    events::Event event;
    if (record != FrameRecord(std::string(record.substr(12, length))) ||
        !event.ParseFromArray(record.data() + 12, static_cast<int>(length)) ||
        (event.has_summary() && event.step() > last_step)) {
      break;
    }
    kept += record.size();
  }
  return kept;
}

std::string EventFile(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().rfind("events.out.tfevents.", 0) == 0) {
      found.push_back(entry.path().string());
    }
  }
  if (!found.empty()) return *std::min_element(found.begin(), found.end());
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return fmt::format("{}/events.out.tfevents.{}.{}", folder, static_cast<int64_t>(Now()), host);
}

}  // namespace

bool IsVolatileMetric(const std::string& name) {
  return name.rfind("timing_", 0) == 0 || name.rfind("perf/", 0) == 0;
}

void Summary::Add(double value, double weight) {
  max_ = weight_ == 0 ? value : std::max(max_, value);
  min_ = weight_ == 0 ? value : std::min(min_, value);
  sum_ += value * weight;
  weight_ += weight;
}

void Summary::Write(const std::string& name, Metrics* metrics) const {
  if (weight_ == 0) return;
  (*metrics)[name + "/mean"] = mean();
  (*metrics)[name + "/max"] = max_;
  (*metrics)[name + "/min"] = min_;
}

uint32_t MaskedCrc32c(const void* data, size_t size) {
  // ISA-L takes int lengths; the polynomial's state carries over.
  uint32_t crc = ~uint32_t{0};
  auto* bytes = static_cast<unsigned char*>(const_cast<void*>(data));
  for (size_t done = 0; done < size;) {
    const int n = static_cast<int>(std::min<size_t>(size - done, 1 << 30));
    crc = crc32_iscsi(bytes + done, n, crc);
    done += static_cast<size_t>(n);
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::string FrameRecord(const std::string& data) {
  const std::string length = LittleEndian(data.size(), 8);
  return length + LittleEndian(MaskedCrc32c(length.data(), 8), 4) + data +
         LittleEndian(MaskedCrc32c(data.data(), data.size()), 4);
}

// A file that is appended to; a write that fails throws.
struct MetricsLog::File {
  File(const std::string& p, size_t keep) : path(p) {
    if (fs::exists(path)) fs::resize_file(path, keep);
    file = std::fopen(path.c_str(), "ab");
    if (file == nullptr) Fail("open");
  }
  ~File() { std::fclose(file); }
  void Append(const std::string& bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) Fail("write");
    if (std::fflush(file) != 0) Fail("write");
  }
  [[noreturn]] void Fail(const std::string& doing) const {
    throw Error(
        path, "cannot " + doing + ": " + strerror(errno),
        "free some disk space or check the permissions; the run goes on from its last checkpoint");
  }
  std::string path;
  std::FILE* file = nullptr;
};

MetricsLog::MetricsLog(const std::string& run_folder, int64_t last_step) {
  const std::string jsonl = run_folder + "/metrics.jsonl", board = run_folder + "/tensorboard";
  MakeDirectories(board);
  const std::string events = EventFile(board);
  const bool keep = last_step >= 0;
  jsonl_ = std::make_unique<File>(
      jsonl, keep && fs::exists(jsonl) ? KeptLines(ReadFile(jsonl), last_step) : 0);
  const size_t kept = keep && fs::exists(events) ? KeptEvents(ReadFile(events), last_step) : 0;
  events_ = std::make_unique<File>(events, kept);
  if (kept == 0) {
    events::Event event;
    event.set_wall_time(Now());
    event.set_file_version("brain.Event:2");
    events_->Append(FrameRecord(event.SerializeAsString()));
  }
}

MetricsLog::~MetricsLog() = default;

void MetricsLog::Write(int64_t step, const Metrics& metrics) {
  nlohmann::json line = metrics;  // sorted by key
  line["step"] = step;
  jsonl_->Append(line.dump() + "\n");
  events::Event event;
  event.set_wall_time(Now());
  event.set_step(step);
  for (const auto& [name, value] : metrics) {
    auto* entry = event.mutable_summary()->add_value();
    entry->set_tag(name);
    entry->set_simple_value(static_cast<float>(value));
  }
  events_->Append(FrameRecord(event.SerializeAsString()));
}

Metrics ReadMetrics(const std::string& run_folder, int64_t step) {
  const std::string path = run_folder + "/metrics.jsonl", text = ReadFile(path);
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    const auto line = nlohmann::json::parse(text.substr(begin, end - begin), nullptr, false);
    if (!line.is_object() || line.value("step", int64_t{-1}) != step) continue;
    Metrics metrics;
    for (const auto& [name, value] : line.items()) {
      if (value.is_number()) metrics[name] = value.get<double>();
    }
    return metrics;
  }
  throw Error(path, fmt::format("no line of step {}", step), "the run has not come so far");
}

}  // namespace rlvr
