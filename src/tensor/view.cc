#include "tensor/view.h"

#include <sys/mman.h>

namespace rlvr {

void* AllocateAligned(int64_t bytes) {
  constexpr int64_t kHuge = 2 << 20;
  const int64_t alignment = bytes >= kHuge ? kHuge : 64;
  const int64_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* p = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(rounded));
  if (p == nullptr) {
    throw Error("memory", "cannot allocate " + std::to_string(bytes) + " bytes",
                "use a smaller model, batch or max_tokens");
  }
  if (alignment == kHuge) madvise(p, static_cast<size_t>(rounded), MADV_HUGEPAGE);
  return p;
}

}  // namespace rlvr
