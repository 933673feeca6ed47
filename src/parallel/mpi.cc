#include "parallel/mpi.h"

#define OMPI_SKIP_MPICXX 1  // the C interface alone
#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"

extern char** environ;

namespace rlvr {
namespace {

// Rank 0 ends the run within this time after an error that it has too.
constexpr std::chrono::seconds kErrorGrace{5};
// It may be writing a checkpoint after an interruption.
constexpr std::chrono::seconds kInterruptGrace{60};
constexpr int kInterruptedCode = 130;

// MPI's own handler of errors ends the process; what is left are calls that cannot fail so.
void Must(int code) { RLVR_CHECK(code == MPI_SUCCESS) << code; }

int IntOf(int64_t n) {
  RLVR_CHECK(n >= 0 && n <= (int64_t{1} << 30)) << n;
  return static_cast<int>(n);
}

class MpiRanks : public Communicator {
 public:
  MpiRanks() {
    Must(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
    Must(MPI_Comm_size(MPI_COMM_WORLD, &size_));
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::vector<std::string> AllGather(const std::string& own) override {
    const auto n = static_cast<int64_t>(own.size());
    std::vector<int64_t> sizes(static_cast<size_t>(size_));
    Must(MPI_Allgather(&n, 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T, MPI_COMM_WORLD));
    std::vector<std::string> all;
    for (const int64_t size : sizes) all.emplace_back(static_cast<size_t>(size), '\0');
    // Counts are ints, and all ranks' bytes together may be more: so rank by rank, piece by piece.
    constexpr int64_t kPiece = int64_t{1} << 28;
    for (int r = 0; r < size_; ++r) {
      std::string& bytes = all[static_cast<size_t>(r)];
      if (r == rank_) bytes = own;
      for (int64_t at = 0; at < sizes[static_cast<size_t>(r)]; at += kPiece) {
        const int64_t piece = std::min(kPiece, sizes[static_cast<size_t>(r)] - at);
        Must(MPI_Bcast(bytes.data() + at, IntOf(piece), MPI_BYTE, r, MPI_COMM_WORLD));
      }
    }
    return all;
  }
  void Exchange(const float* send, float* received, int64_t n) override {
    Must(MPI_Alltoall(send, IntOf(n), MPI_FLOAT, received, IntOf(n), MPI_FLOAT, MPI_COMM_WORLD));
  }
  void Share(float* data, int64_t n) override {
    Must(MPI_Allgather(MPI_IN_PLACE, 0, MPI_FLOAT, data, IntOf(n), MPI_FLOAT, MPI_COMM_WORLD));
  }
  void Sum(float* data, int64_t n) override {
    Must(MPI_Allreduce(MPI_IN_PLACE, data, IntOf(n), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD));
  }
  void Barrier() override { Must(MPI_Barrier(MPI_COMM_WORLD)); }

 private:
  int rank_ = 0, size_ = 1;
};

MpiRanks* world = nullptr;  // lives as long as the process

// A verifier, a tool or a program in the sandbox that used MPI itself would take this rank's place.
void HideFromChildren() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    for (const char* prefix : {"OMPI_", "PMIX_", "PRTE_", "ORTE_"}) {
      if (strncmp(*entry, prefix, strlen(prefix)) == 0)
        names.emplace_back(*entry, strcspn(*entry, "="));
    }
  }
  for (const std::string& name : names) unsetenv(name.c_str());
}

}  // namespace

bool StartedByMpirun() {
  const char* size = getenv("OMPI_COMM_WORLD_SIZE");
  return size != nullptr && atoi(size) > 1;
}

void JoinRanks() {
  if (!StartedByMpirun() || world != nullptr) return;
  int provided = 0;  // of our threads only the first one calls MPI
  Must(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided));
  RLVR_CHECK(provided >= MPI_THREAD_FUNNELED) << provided;
  HideFromChildren();
  world = new MpiRanks;
}

Communicator& World() { return world == nullptr ? Alone() : *world; }

int ThreadsOfRank() {
  if (world == nullptr) return 0;
  char host[MPI_MAX_PROCESSOR_NAME] = {};
  int length = 0;
  Must(MPI_Get_processor_name(host, &length));
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  const auto all = world->AllGather(std::string(host) + '\0' +
                                    std::string(reinterpret_cast<char*>(&cores), sizeof(cores)));
  const auto same = std::count(all.begin(), all.end(), all[static_cast<size_t>(world->rank())]);
  return std::max(1, CPU_COUNT(&cores) / static_cast<int>(same));
}

void WaitToSpeak(int exit_code) {
  if (World().first()) return;
  const bool interrupted = exit_code == kInterruptedCode;
  const auto until =
      std::chrono::steady_clock::now() + (interrupted ? kInterruptGrace : kErrorGrace);
  while (std::chrono::steady_clock::now() < until) {
    // That is mpirun, which ends all: rank 0 has spoken. (A second signal ends the process anyway.)
    if (!interrupted && InterruptRequested()) _exit(exit_code);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void LeaveRanks(int exit_code) {
  if (world == nullptr) return;
  if (exit_code != 0) MPI_Abort(MPI_COMM_WORLD, exit_code);
  MPI_Finalize();
}

}  // namespace rlvr
