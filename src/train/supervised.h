// Next-token training: pretrain (a tokenizer and a model from generated text) and sft (responses and
// conversations).
#ifndef RLVR_TRAIN_SUPERVISED_H_
#define RLVR_TRAIN_SUPERVISED_H_
#include <string>

#include "train/recipe.h"

namespace rlvr {

// Both write a run folder with metrics.jsonl (train/loss, train/lr, train/grad_norm), checkpoints
// and, at the end, RUN/model: a Hugging Face folder in bf16. The same recipe gives the same bytes.

// Trains a tokenizer of architecture.vocab_size on the text of gsm_micro or gsm_micro_dialogues, makes
// a model from `architecture` and the seed, and trains it on worked solutions, careful and sloppy ones
// mixed, or on dialogues.
void Pretrain(const Recipe& recipe);

// Trains recipe.model on supervised.text: gsm_micro_dialogues[:options], attribute_dialogues[:options],
// or a JSONL file of {"prompt": text or messages, "response": text} or {"messages": [{"role",
// "content"}]} a line. The loss is on the response alone, or on every turn of the assistant with its
// end token, unless loss_on_prompt.
void Sft(const Recipe& recipe);

// Of a run that Resume has opened: from its latest checkpoint.
void ResumeSupervised(const std::string& run_folder, const Recipe& recipe);

}  // namespace rlvr
#endif  // RLVR_TRAIN_SUPERVISED_H_
