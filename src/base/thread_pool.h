// The process's worker threads. Kernels share out *outputs*, never the terms of one sum, so results
// do not depend on the number of threads.
#ifndef RLVR_BASE_THREAD_POOL_H_
#define RLVR_BASE_THREAD_POOL_H_
#include <cstdint>
#include <functional>

namespace rlvr {

// Sets the number of threads that ParallelFor uses, the calling one included. n >= 1; 0 means one
// per core. Not thread-safe: call it between uses. The default is one per core that this process
// may use.
void SetNumThreads(int n);
int NumThreads();

// Calls body(begin, end) on disjoint ranges that cover [0, n) and returns when all are done. The
// threads claim ranges as they get free, so a thread that other processes slow down does less; the
// borders, multiples of `grain`, depend on n and grain alone. With one thread, or called from
// inside a body, it runs body(0, n) in place. After an exception in a body, one of them is
// rethrown here. One caller at a time.
void ParallelFor(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body);

// Whether this thread runs a body of ParallelFor: what it calls runs on it alone.
bool InParallelFor();

}  // namespace rlvr
#endif  // RLVR_BASE_THREAD_POOL_H_
