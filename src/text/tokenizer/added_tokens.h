// Tokens that are found in the text itself, before it is cut: markers of turns, <|endoftext|>, ...
#ifndef RLVR_TEXT_TOKENIZER_ADDED_TOKENS_H_
#define RLVR_TEXT_TOKENIZER_ADDED_TOKENS_H_
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/bpe.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/part.h"

namespace rlvr {

class AddedTokens {
 public:
  struct Token {
    int32_t id = 0;
    std::string content;
    std::string form;  // what is looked for: the content, normalised where `normalized` is set
    bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
  };
  struct Stretch {
    int32_t id;  // -1: plain text
    size_t begin, end;
  };

  AddedTokens() = default;
  AddedTokens(AddedTokens&&) = default;  // no copies: finders point to tokens
  AddedTokens& operator=(AddedTokens&&) = default;
  // `file` is the whole tokenizer.json.
  AddedTokens(const Part& file, const Bpe& bpe, const Normalizer& normalizer);

  const std::vector<Token>& tokens() const { return tokens_; }
  // True if some token of this kind is there to be looked for.
  bool Any(bool normalized) const { return !finders_[normalized].tokens.empty(); }
  // Cuts the text into tokens and what lies between them. Tokens with `normalized` are looked for in
  // normalised text, the others in the text as it came.
  void Find(std::string_view text, bool normalized, std::vector<Stretch>* out) const;

 private:
  struct Finder {
    std::vector<const Token*> tokens;   // longest first
    std::array<bool, 256> starts = {};  // first bytes
    std::array<uint32_t, 257> of_first =
        {};  // tokens with first byte b: [of_first[b], of_first[b + 1])
  };
  std::vector<Token> tokens_;
  std::array<Finder, 2> finders_;
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_ADDED_TOKENS_H_
