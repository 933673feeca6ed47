// What one rank sampled and judged of a prompt, on its way to the others.
#ifndef RLVR_EVAL_JUDGED_TREE_H_
#define RLVR_EVAL_JUDGED_TREE_H_
#include <vector>

#include "parallel/bytes.h"
#include "rollout/conversation.h"
#include "tree/tree.h"

namespace rlvr {

struct JudgedTree {
  Tree tree;
  std::vector<ConversationResult> results;  // of its conversations, if it has any
};

void PutJudgedTree(const JudgedTree& judged, ByteWriter* out);
JudgedTree GetJudgedTree(ByteReader* in);

}  // namespace rlvr
#endif  // RLVR_EVAL_JUDGED_TREE_H_
