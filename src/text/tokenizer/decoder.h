// Texts of tokens -> text: tokenizer.json's "decoder", a token at a time.
#ifndef RLVR_TEXT_TOKENIZER_DECODER_H_
#define RLVR_TEXT_TOKENIZER_DECODER_H_
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/replacement.h"
#include "text/tokenizer/part.h"

namespace rlvr {

class Decoder {
 public:
  Decoder() = default;                 // tokens joined by spaces, as the library does without one
  explicit Decoder(const Part& part);  // Error on types that are not supported

  // One text in the making. What comes out of Push and Flush, put together, is the text of all the
  // tokens; a step that needs the whole text holds it back until Flush.
  class Stream {
   public:
    explicit Stream(const Decoder& decoder);
    void Push(std::string token, std::string* out);
    void Flush(std::string* out);

   private:
    struct Stage {
      std::string held;   // bytes of a run (ByteFallback), or text that waits for the end
      size_t tokens = 0;  // seen so far
      size_t cut = 0;     // characters that Strip has taken off the start
      bool cutting = true;
    };
    void PushTo(size_t stage, std::string token, std::string* out);
    void FlushFrom(size_t stage, std::string* out);
    const Decoder& decoder_;
    std::vector<Stage> stages_;
  };

  std::string Decode(const std::vector<std::string>& tokens) const;
  // Byte-level alone: the text is the bytes of the tokens one after the other.
  bool JoinsBytes() const { return steps_.size() == 1 && steps_[0].kind == Step::kByteLevel; }
  // The bytes that a token stands for inside a text.
  std::string TokenBytes(const std::string& token) const;

 private:
  struct Step {
    enum Kind { kByteLevel, kByteFallback, kFuse, kStrip, kReplace, kMetaspace };
    Kind kind;
    bool on_whole = false;  // behind ByteLevel or Fuse: it sees one string, not tokens
    std::string character;  // kMetaspace's, kStrip's
    std::optional<Replacement> replacement;
    size_t start = 0, stop = 0;  // kStrip
    bool prepended = false;      // kMetaspace: the first token's marker is no space
  };
  void Add(const Part& part);
  static std::string Replaced(const Step& step, std::string token, bool first);
  static std::string Stripped(const Step& step, const std::string& token);

  std::vector<Step> steps_;
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_DECODER_H_
