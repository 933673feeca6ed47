// The text of a response while it is sampled: only whole characters, and nothing that may yet turn
// out to be the beginning of a stop string.
#ifndef RLVR_SERVE_TEXT_STREAM_H_
#define RLVR_SERVE_TEXT_STREAM_H_
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace rlvr {

class TextStream {
 public:
  // The tokenizer must outlive the stream; no stop string is empty. Special tokens have no text.
  TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop);

  // What may be shown now and could not be before; valid UTF-8, broken bytes as U+FFFD.
  std::string Push(int32_t token);
  // The rest, when the response has ended otherwise than by a stop string.
  std::string Flush();
  // A stop string is complete. What was returned ends before it.
  bool stopped() const { return stopped_; }

 private:
  std::string Release(bool all);

  DecodeStream decode_;
  std::vector<std::string> stop_;
  std::string held_;
  bool stopped_ = false;
};

// Bytes that are no UTF-8 as U+FFFD.
std::string ToUtf8(std::string_view bytes);
bool IsUtf8(std::string_view bytes);
int64_t NumCodePoints(std::string_view utf8);

}  // namespace rlvr
#endif  // RLVR_SERVE_TEXT_STREAM_H_
