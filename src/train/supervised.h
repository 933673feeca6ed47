// Next-token training: pretrain (a tokenizer and a model from generated text) and sft (prompt,
// response).
#ifndef RLVR_TRAIN_SUPERVISED_H_
#define RLVR_TRAIN_SUPERVISED_H_
#include <string>

#include "train/recipe.h"

namespace rlvr {

// Both write a run folder with metrics.jsonl (train/loss, train/lr, train/grad_norm), checkpoints
// and, at the end, RUN/model: a Hugging Face folder in bf16. The same recipe gives the same bytes.

// Trains a tokenizer of architecture.vocab_size on gsm_micro's text, makes a model from
// `architecture` and the seed, and trains it on worked solutions, careful and sloppy ones mixed.
void Pretrain(const Recipe& recipe);

// Trains recipe.model on the JSONL file supervised.text: {"prompt": text or messages, "response":
// text} a line; the loss is on the response alone, unless loss_on_prompt.
void Sft(const Recipe& recipe);

// Of a run that Resume has opened: from its latest checkpoint.
void ResumeSupervised(const std::string& run_folder, const Recipe& recipe);

}  // namespace rlvr
#endif  // RLVR_TRAIN_SUPERVISED_H_
