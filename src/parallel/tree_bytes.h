// A rollout tree as bytes: 12 for each token that the policy sampled (id, log-prob, entropy), 4 for
// others, and a few dozen for each segment and leaf.
#ifndef RLVR_PARALLEL_TREE_BYTES_H_
#define RLVR_PARALLEL_TREE_BYTES_H_
#include "parallel/bytes.h"
#include "tree/tree.h"

namespace rlvr {

void PutTree(const Tree& tree, ByteWriter* out);
Tree GetTree(ByteReader* in);  // equal in every field

}  // namespace rlvr
#endif  // RLVR_PARALLEL_TREE_BYTES_H_
