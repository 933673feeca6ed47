// How text is cut into the pieces within which tokens are merged: tokenizer.json's "pre_tokenizer".
#ifndef RLVR_TEXT_TOKENIZER_PRE_TOKENIZER_H_
#define RLVR_TEXT_TOKENIZER_PRE_TOKENIZER_H_
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/pattern.h"
#include "text/tokenizer/part.h"
#include "text/tokenizer/scanner.h"

namespace rlvr {

class PreTokenizer {
 public:
  PreTokenizer() = default;                 // one piece
  explicit PreTokenizer(const Part& part);  // Error on types that are not supported

  // Pieces are read as bytes, not as characters.
  bool byte_level() const { return byte_level_; }

  // Calls piece(string_view) on each piece; none is empty. at_start: the text opens the input.
  template <class F>
  void Split(std::string_view text, bool at_start, F piece) const {
    if (steps_.empty()) {
      if (!text.empty()) piece(text);
    } else if (steps_.size() == 1 && steps_[0].kind == Step::kScanner) {
      for (size_t at = 0; at < text.size();) {
        const size_t end = NextPiece(steps_[0].scanner, text, at);
        piece(text.substr(at, end - at));
        at = end;
      }
    } else {
      const Cut cut = SplitInSteps(text, at_start);
      for (const auto& [begin, end] : cut.pieces)
        piece(std::string_view(cut.text).substr(begin, end - begin));
    }
  }

 private:
  enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
  enum class Prepend { kAlways, kFirst, kNever };
  struct Step {
    enum Kind {
      kScanner,
      kPattern,
      kDigits,
      kPunctuation,
      kWords,        // \w+|[^\w\s]+, the rest removed
      kSpaces,       // removed
      kCharacter,    // Metaspace's split
      kPrefixSpace,  // ByteLevel's add_prefix_space
      kMetaspace,    // spaces to `marker`, and one before
    } kind;
    Behavior behavior = Behavior::kIsolated;
    bool invert = false;
    Scanner scanner = Scanner::kGpt2;
    std::optional<Pattern> pattern;
    std::string marker;
    Prepend prepend = Prepend::kAlways;
  };
  using Range = std::pair<size_t, size_t>;
  struct Cut {
    std::string text;
    std::vector<Range> pieces;  // of text, in order
  };
  struct Match;

  void Add(const Part& part);
  void AddSplit(const Part& part);
  void AddMetaspace(const Part& part);
  static Behavior ReadBehavior(const Part& part, const char* key);
  Cut SplitInSteps(std::string_view text, bool at_start) const;
  static void Change(const Step& step, bool at_start, Cut* cut);
  static void Matches(const Step& step, std::string_view text, std::vector<Match>* matches);
  static void Behave(const Step& step, const std::vector<Match>& matches, size_t offset,
                     std::vector<Range>* pieces);

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace rlvr
#endif  // RLVR_TEXT_TOKENIZER_PRE_TOKENIZER_H_
