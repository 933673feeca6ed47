// The letter of a multiple-choice answer: behind "final answer is", behind "answer", at the start of the
// response, else the last one that stands alone.
#include <array>

#include "verify/math/characters.h"
#include "verify/math/graders.h"

namespace rlvr::math {
namespace {

using std::string_view;

constexpr string_view kLetters = "ABCDEFGHIJ";

class LetterFinder {
 public:
  LetterFinder(string_view text, Work* work) : s_(text), work_(work) {}

  // A letter alone at `at`: C, (C), **C**, \text{C}, with nothing that makes it part of a word.
  std::optional<char> At(size_t at) const {
    work_->Spend(1);
    if (at >= s_.size() || kLetters.find(s_[at]) == string_view::npos) return std::nullopt;
    if (at > 0) {
      const char before = s_[at - 1];
      if (!IsSpace(before) && string_view("(*[{:\"'$").find(before) == string_view::npos &&
          static_cast<unsigned char>(before) < 0x80)
        return std::nullopt;
    }
    if (at + 1 < s_.size()) {
      const char behind = s_[at + 1];
      if (!IsSpace(behind) && string_view(".,:;!?)*]}\"'$").find(behind) == string_view::npos &&
          static_cast<unsigned char>(behind) < 0x80)
        return std::nullopt;
      // "A" as a word: "A man", but "A Peter" where the choice is named.
      if (behind == '\'') return std::nullopt;
    }
    return s_[at];
  }

  std::optional<char> First(size_t from, size_t within) const {
    for (size_t i = from; i < s_.size() && i <= from + within; ++i)
      if (auto letter = At(i)) return letter;
    return std::nullopt;
  }

  std::optional<char> Last() const {
    for (size_t i = s_.size(); i-- > 0;)
      if (auto letter = At(i)) return letter;
    return std::nullopt;
  }

  std::optional<char> Start() const {
    size_t i = 0;
    while (i < s_.size() && (IsSpace(s_[i]) || s_[i] == '*' || s_[i] == '(' || s_[i] == '\\')) ++i;
    return At(i);
  }

 private:
  string_view s_;
  Work* work_;
};

}  // namespace

std::string ChosenLetter(string_view response, string_view language, Work* work) {
  if (response.size() > kMaxResponse) response.remove_prefix(response.size() - kMaxResponse);
  const LetterFinder finder(response, work);
  const std::string lower = LowerCase(response);
  const auto one = [](std::optional<char> c) { return c ? std::string(1, *c) : std::string(); };
  if (const size_t box = lower.rfind("\\boxed"); box != std::string::npos)
    if (const auto c = finder.First(box + 6, 12)) return one(c);
  if (const size_t final_answer = lower.rfind("final answer"); final_answer != std::string::npos)
    if (const auto c = finder.First(final_answer + 12, 100)) return one(c);
  constexpr std::array<std::pair<string_view, string_view>, 12> kAnswer = {
      {{"english", "answer"},
       {"french", "réponse"},
       {"german", "antwort"},
       {"spanish", "respuesta"},
       {"italian", "risposta"},
       {"portuguese", "resposta"},
       {"chinese", "答案"},
       {"chinese", "答"},
       {"japanese", "答え"},
       {"russian", "ответ"},
       {"arabic", "الإجابة"},
       {"arabic", "الجواب"}}};
  for (const bool colon : {true, false}) {
    for (const auto& [name, word] : kAnswer) {
      if (name != language) continue;
      for (size_t at = lower.size(); (at = lower.rfind(word, at)) != std::string::npos;) {
        const size_t behind = at + word.size();
        const bool has_colon =
            lower.compare(behind, 1, ":") == 0 || lower.compare(behind, 3, "：") == 0;
        if (!colon || has_colon)
          if (const auto c = finder.First(behind, 50)) return one(c);
        if (at == 0) break;
        --at;
      }
    }
  }
  if (const auto c = finder.Start()) return one(c);
  return one(finder.Last());
}

}  // namespace rlvr::math
