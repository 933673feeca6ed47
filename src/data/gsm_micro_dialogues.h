// Generated dialogues over gsm_micro in shards: what a cold start trains on, so that a model can
// talk. Their assistant has the habits that arXiv:2505.06120 reports of chat models: it answers at
// once, makes up what it was not told, and keeps much of what it made up when the user says
// otherwise; it rarely asks. Reinforcement learning can select from both ways.
#ifndef RLVR_DATA_GSM_MICRO_DIALOGUES_H_
#define RLVR_DATA_GSM_MICRO_DIALOGUES_H_
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/gsm_micro_shards.h"

namespace rlvr {

struct DialogueOptions {
  GsmMicroOptions problem;
  // Shares of the kinds of dialogue; what remains of 1 is conversations, a shard a turn.
  double full = 0.3;        // the whole problem in one piece
  double concat = 0.15;     // the whole problem as CONCAT
  double incomplete = 0.2;  // CONCAT or prose with something required missing, one turn
  // Share of conversations whose assistant asks until it knows all, and of incomplete prompts that
  // are asked about.
  double ask = 0.06;
  double states = 0.2;  // share of those asks that say what is missing instead of asking
  // Of conversations whose assistant answers at once: a fact that comes after it was made up is
  // ignored with this chance.
  double stubborn = 0.4;
};

// From "gsm_micro_dialogues:ask=0.1,max_steps=4": the keys above and those of gsm_micro.
DialogueOptions ParseDialogueOptions(const std::string& text);

enum class DialogueKind : uint8_t { kFull, kConcat, kIncomplete, kConversation };

struct Dialogue {
  DialogueKind kind = DialogueKind::kFull;
  bool asks = false;                                          // its assistant is of those that ask
  std::vector<std::pair<std::string, std::string>> messages;  // role, content; the last is the
                                                              // assistant's
};

// About problem number `row` of the training split. careful: share of whole problems that are worked
// through; the rest has bad habits. A function of its arguments.
Dialogue MakeDialogue(const DialogueOptions& options, double careful, uint64_t seed, int64_t row,
                      RandomKey key);

}  // namespace rlvr
#endif  // RLVR_DATA_GSM_MICRO_DIALOGUES_H_
