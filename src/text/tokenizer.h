// Byte-level BPE as Hugging Face's tokenizer.json describes it (GPT-2, Qwen, Llama 3 families).
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

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;
};

class Tokenizer {
 public:
  // Reads a tokenizer.json; unsupported parts (normalizers other than NFC, models other than BPE,
  // ...) throw Error naming them. Merges may be "a b" strings or ["a", "b"] pairs.
  static Tokenizer Load(const std::string& path);
  static Tokenizer FromJson(const std::string& text, const std::string& place);
  std::string ToJson() const;
  // Writes tokenizer.json and tokenizer_config.json (with chat_template if not empty) into the
  // folder.
  void Save(const std::string& folder, const std::string& chat_template) const;

  // parse_special: added tokens in the text become their ids; otherwise they are plain text.
  std::vector<int32_t> Encode(std::string_view text, bool parse_special = true) const;
  // Exact bytes; special tokens are kept or skipped.
  std::string Decode(std::span<const int32_t> tokens, bool skip_special = false) const;
  const std::string& TokenBytes(int32_t id) const;  // the bytes of one token
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
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::shared_ptr<const ChatTemplate> chat_template_;
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_H_
