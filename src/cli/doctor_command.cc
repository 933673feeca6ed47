#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "base/thread_pool.h"
#include "cli/command.h"
#include "tensor/isa.h"
#include "tensor/peak.h"

namespace rlvr {
namespace {

std::string ProcessorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

}  // namespace

void AddDoctor(CLI::App& app, Action* action) {
  CLI::App* command =
      Subcommand(app, "doctor", "What this machine offers: instruction set, measured peaks, memory",
                 "rlvr doctor");
  command->callback([=] {
    *action = [] {
      const int threads = NumThreads();
      std::string isas;
      for (const Isa isa : SupportedIsas()) isas += fmt::format(" {}", ToString(isa));
      const double gib = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30);
      const double free_gib = static_cast<double>(sysconf(_SC_AVPHYS_PAGES)) *
                              static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30);
      fmt::print("processor     {}, {} threads\n", ProcessorName(), threads);
      fmt::print("instructions  {} (supported:{})\n", ToString(ActiveIsa()), isas);
      fmt::print("memory        {:.1f} GiB, {:.1f} free\n", gib, free_gib);
      fmt::print("measured peak, GFLOP/s (1 thread, {} threads)\n", threads);
      for (const ComputeType type : {ComputeType::kFp32, ComputeType::kBf16}) {
        fmt::print("  {:12}{:8.0f} {:8.0f}\n", ToString(type), MeasurePeakGflops(type, 1),
                   MeasurePeakGflops(type, threads));
      }
      fmt::print("measured read bandwidth, GB/s\n  memory      {:8.1f} {:8.1f}\n",
                 MeasureReadBandwidthGBs(1), MeasureReadBandwidthGBs(threads));
    };
  });
}

}  // namespace rlvr
