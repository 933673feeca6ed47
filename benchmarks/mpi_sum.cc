// Seconds of a gradient's sum over ranks, in order and by MPI_Allreduce, and of an exchange of bytes:
//   mpirun -np 2 build/release/benchmarks/mpi_sum [WEIGHTS] [BYTES]
// Medians of 9, the two sums in turn.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "parallel/mpi.h"
#include "parallel/ordered_sum.h"

namespace rlvr {
namespace {

template <class Body>
double Seconds(Communicator& ranks, Body body) {
  ranks.Barrier();
  const auto start = std::chrono::steady_clock::now();
  body();
  ranks.Barrier();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + 4, values.end());
  return values[4];
}

void Run(int64_t weights, int64_t bytes) {
  SetNumThreads(1);
  Communicator& ranks = World();
  std::vector<float> gradient(static_cast<size_t>(weights), 1.0f / 1024);
  const std::string message(static_cast<size_t>(bytes), 'x');
  std::vector<double> ordered, unordered, gathered;
  for (int i = 0; i < 9; ++i) {
    ordered.push_back(Seconds(ranks, [&] {
      OrderedSum(ranks, ranks.size(), {gradient.data()}, weights, gradient.data());
    }));
    unordered.push_back(Seconds(ranks, [&] { UnorderedSum(ranks, weights, gradient.data()); }));
    gathered.push_back(Seconds(ranks, [&] { ranks.AllGather(message); }));
  }
  if (!ranks.first()) return;
  const double gradient_mb = static_cast<double>(weights) * 4e-6,
               messages_mb = static_cast<double>(bytes) * ranks.size() * 1e-6;
  fmt::print("{} ranks, {} weights ({:.1f} MB)\n", ranks.size(), weights, gradient_mb);
  for (const auto& [name, seconds, mb] :
       {std::tuple("sum in order", Median(ordered), gradient_mb),
        std::tuple("sum in any order", Median(unordered), gradient_mb),
        std::tuple("all gather", Median(gathered), messages_mb)})
    fmt::print("{:18} {:8.2f} ms  {:8.0f} MB/s\n", name, 1e3 * seconds, mb / seconds);
}

}  // namespace
}  // namespace rlvr

int main(int argc, char** argv) {
  rlvr::JoinRanks();
  rlvr::Run(argc > 1 ? std::stoll(argv[1]) : 4'850'000, argc > 2 ? std::stoll(argv[2]) : 1'000'000);
  rlvr::LeaveRanks(0);
}
