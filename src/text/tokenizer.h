// tokenizer.json as Hugging Face's fast tokenizers define it: byte-level BPE (GPT-2, Qwen, Llama 3,
// SmolLM2) and BPE of characters with byte fallback (Llama 2, Mistral). docs/tokenizers.md lists
// what is read and what is not.
#ifndef RLVR_TEXT_TOKENIZER_H_
#define RLVR_TEXT_TOKENIZER_H_
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

class ChatTemplate;

class Tokenizer {
 public:
  // Unsupported parts throw Error naming the field. Merges may be "a b" strings or ["a", "b"] pairs.
  static Tokenizer Load(const std::string& path);
  static Tokenizer FromJson(const std::string& text, const std::string& place);
  std::string ToJson() const;
  // Writes tokenizer.json and tokenizer_config.json (with chat_template if not empty) into the
  // folder.
  void Save(const std::string& folder, const std::string& chat_template) const;

  // Thread-safe, as everything const here. parse_special: added tokens in the text become their ids;
  // otherwise they are plain text. Bytes that are no UTF-8 count as symbols: byte-level models and
  // byte fallback give a token to each.
  std::vector<int32_t> Encode(std::string_view text, bool parse_special = true) const;
  // The same with what the post-processor puts around a text (a BOS token, say): transformers' and
  // the library's add_special_tokens=True.
  std::vector<int32_t> EncodeWithSpecial(std::string_view text, bool parse_special = true) const;
  // Byte-level models: the exact bytes. Others: the library's text, in which a run of byte tokens
  // that is no UTF-8 reads U+FFFD. Special tokens are kept or skipped; unknown ids are skipped.
  std::string Decode(std::span<const int32_t> tokens, bool skip_special = false) const;
  const std::string& TokenBytes(int32_t id) const;  // the bytes of one token inside a text
  int32_t TokenId(
      std::string_view content) const;  // of an added or ordinary token's bytes; -1 if none
  bool IsSpecial(int32_t id) const;
  int32_t vocab_size() const;  // highest id + 1

  // How its model reads conversations (text/chat.h), where its folder says so.
  const ChatTemplate* chat_template() const { return chat_template_.get(); }
  void set_chat_template(std::shared_ptr<const ChatTemplate> t) { chat_template_ = std::move(t); }

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

 private:
  friend class DecodeStream;
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::shared_ptr<const ChatTemplate> chat_template_;
};

// Decode token by token, for text that is shown while it is sampled. What Push and Flush return, put
// together, is Decode of all the tokens, and no piece ends inside a UTF-8 character.
class DecodeStream {
 public:
  // The tokenizer must outlive the stream.
  explicit DecodeStream(const Tokenizer& tokenizer, bool skip_special = false);
  ~DecodeStream();
  DecodeStream(DecodeStream&&) noexcept;
  DecodeStream& operator=(DecodeStream&&) noexcept;

  std::string Push(int32_t token);  // the text that is complete now and was not before
  std::string Flush();              // the rest, at the end; bytes of a broken character as they are

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_H_
