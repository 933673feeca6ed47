// Several processes that train one model together: every rank runs the same control flow on the same
// state, and they talk at a few points (docs/parallel.md). One process alone is one rank.
// All ranks must make the same calls in the same order; a call returns when this rank has what it
// asked for. From one thread at a time.
#ifndef RLVR_PARALLEL_COMMUNICATOR_H_
#define RLVR_PARALLEL_COMMUNICATOR_H_
#include <cstdint>
#include <string>
#include <vector>

namespace rlvr {

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;  // [0, size)
  virtual int size() const = 0;

  // Everybody's bytes, in order of rank.
  virtual std::vector<std::string> AllGather(const std::string& own) = 0;
  // send [size n]: part r goes to rank r. received [size n]: part r is what rank r sent to this one.
  virtual void Exchange(const float* send, float* received, int64_t n) = 0;
  // data [size n]: rank r's own part r goes to everybody's part r.
  virtual void Share(float* data, int64_t n) = 0;
  // data [n] becomes the sum over ranks, the same bits on all; in what order they were added is not
  // said, and may depend on their number.
  virtual void Sum(float* data, int64_t n) = 0;
  virtual void Barrier() = 0;

  bool alone() const { return size() == 1; }
  bool first() const { return rank() == 0; }  // the one that writes and speaks
};

// Of a process without others.
Communicator& Alone();

// Rank 0's bytes, for all.
std::string Broadcast(Communicator& ranks, const std::string& bytes);
// Whether it holds on any rank.
bool Any(Communicator& ranks, bool here);

}  // namespace rlvr
#endif  // RLVR_PARALLEL_COMMUNICATOR_H_
