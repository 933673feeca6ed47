// What supervised training learns from: samples of text, and their trees.
#ifndef RLVR_TRAIN_SUPERVISED_EXAMPLES_H_
#define RLVR_TRAIN_SUPERVISED_EXAMPLES_H_
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "text/chat.h"
#include "text/tokenizer.h"
#include "train/recipe.h"
#include "tree/tree.h"

namespace rlvr {

// One sample of text: the model learns to write the assistant's turns, the last message among them.
struct Example {
  std::vector<Message> messages;
  int64_t index = 0;      // row in its data set
  size_t first_turn = 0;  // messages before it are the prompt's, whosever they are
};

using ExampleSource = std::function<Example(int64_t position)>;

// Of recipe.supervised.text, in the order of the seed; endless.
ExampleSource OpenExamples(const Recipe& recipe);

// A chain of segments: the messages before the first turn that is learnt, with what opens it; the
// turn with its end token, an expert's; what the chat template puts before the next turn, the
// environment's; and so on. on_prompt: all but the very first token is the expert's.
Tree MakeExampleTree(const Tokenizer& tokenizer, std::span<const int32_t> eos,
                     const Example& example, bool on_prompt);

}  // namespace rlvr
#endif  // RLVR_TRAIN_SUPERVISED_EXAMPLES_H_
