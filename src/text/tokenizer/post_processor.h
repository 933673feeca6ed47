// What is put around a text on request: tokenizer.json's "post_processor".
#ifndef RLVR_TEXT_TOKENIZER_POST_PROCESSOR_H_
#define RLVR_TEXT_TOKENIZER_POST_PROCESSOR_H_
#include <cstdint>
#include <vector>

#include "text/tokenizer/part.h"

namespace rlvr {

class PostProcessor {
 public:
  PostProcessor() = default;  // adds nothing
  explicit PostProcessor(const Part& part);

  std::vector<int32_t> Apply(std::vector<int32_t> tokens) const;

 private:
  static constexpr int32_t kText = -1;
  void Add(const Part& part);
  std::vector<std::vector<int32_t>> templates_;  // tokens; kText stands for the text's
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_POST_PROCESSOR_H_
