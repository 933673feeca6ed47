#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/bench.h"
#include "tensor/isa.h"

namespace rlvr {
namespace {

constexpr int kBarCells = 20;

std::string TimeText(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

std::string Number(double x) {
  if (x == 0) return "";
  return x >= 100 ? fmt::format("{:.0f}", x) : fmt::format("{:.3g}", x);
}

std::string Bar(double share, bool color) {
  const int full = static_cast<int>(std::min(share, 1.0) * kBarCells + 0.5);
  std::string bar;
  for (int i = 0; i < kBarCells; ++i) bar += i < full ? "█" : "░";
  if (!color) return bar;
  const char* code = share >= 0.7 ? "32" : share >= 0.4 ? "33" : "31";  // green, yellow, red
  return fmt::format("\x1b[{}m{}\x1b[0m", code, bar);
}

std::string LimitText(const BenchItem& item) {
  if (ComputeBound(item.work, item.peaks))
    return Number(item.peaks.gflops(item.work.type)) + " GFLOP/s";
  return Number(item.peaks.read_gbs) + " GB/s";
}

}  // namespace

std::string BenchText(const BenchReport& r, bool color) {
  std::string out = fmt::format(
      "{}: {:.1f} million parameters, {}, {}\n\nmeasured    fp32 GFLOP/s  bf16 GFLOP/s  memory "
      "GB/s\n",
      r.model, static_cast<double>(r.config.NumParameters()) / 1e6, ToString(r.compute),
      ToString(ActiveIsa()));
  for (const Peaks& p : r.peaks) {
    out += fmt::format("{:2} thread{}  {:12.0f}  {:12.0f}  {:11.1f}\n", p.threads,
                       p.threads == 1 ? " " : "s", p.gflops_fp32, p.gflops_bf16, p.read_gbs);
  }
  std::string section;
  for (const BenchItem& item : r.items) {
    if (item.section != section) {
      section = item.section;
      out += fmt::format("\n{:53}{:>10}{:>9}{:>7}{:>8}{:>10}  {:>13}  share\n", section, "time",
                         "GFLOP/s", "GB/s", "FLOP/B", "tokens/s", "limit");
    }
    const double s = item.timing.seconds;
    out += fmt::format("  {:51}{:>10}{:>9}{:>7}{:>8}{:>10}  {:>13} {:4.0f} % {}\n", item.name,
                       TimeText(s), Number(item.work.gflop / s), Number(item.work.gb / s),
                       Number(Intensity(item.work)), Number(item.work.tokens / s), LimitText(item),
                       100 * item.share, Bar(item.share, color));
  }
  out += fmt::format("\n{:53}{:>10}\n", "a training step, by its kernels", "of it");
  for (const auto& [part, share] : TrainingStepParts(r))
    out += fmt::format("  {:51}{:8.0f} % {}\n", part, 100 * share, Bar(share, false));
  out +=
      "\nlimit: the lower of the measured peak and intensity x bandwidth; share: of it. More than "
      "100 %: caches held\nwhat was counted as read from memory. Times are medians.\n";
  return out;
}

std::string BenchJson(const BenchReport& r) {
  auto peaks = nlohmann::ordered_json::array();
  for (const Peaks& p : r.peaks) {
    peaks.push_back({{"threads", p.threads},
                     {"fp32_gflops", p.gflops_fp32},
                     {"bf16_gflops", p.gflops_bf16},
                     {"read_gb_per_s", p.read_gbs}});
  }
  nlohmann::ordered_json parts;
  for (const auto& [part, share] : TrainingStepParts(r)) parts[part] = share;
  auto items = nlohmann::ordered_json::array();
  for (const BenchItem& item : r.items) {
    const double s = item.timing.seconds;
    items.push_back({{"section", item.section},
                     {"name", item.name},
                     {"seconds", s},
                     {"repeats", item.timing.repeats},
                     {"gflops", item.work.gflop / s},
                     {"gb_per_s", item.work.gb / s},
                     {"flop_per_byte", Intensity(item.work)},
                     {"tokens_per_s", item.work.tokens / s},
                     {"type", ToString(item.work.type)},
                     {"peak_gflops", item.peaks.gflops(item.work.type)},
                     {"peak_gb_per_s", item.peaks.read_gbs},
                     {"compute_bound", ComputeBound(item.work, item.peaks)},
                     {"share", item.share}});
  }
  const nlohmann::ordered_json root = {{"model", r.model},
                                       {"parameters", r.config.NumParameters()},
                                       {"compute", ToString(r.compute)},
                                       {"isa", ToString(ActiveIsa())},
                                       {"tokens", r.tokens},
                                       {"peaks", peaks},
                                       {"training_step", parts},
                                       {"items", items}};
  return root.dump(1) + "\n";
}

}  // namespace rlvr
