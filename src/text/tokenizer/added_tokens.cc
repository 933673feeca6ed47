#include "text/tokenizer/added_tokens.h"

#include <algorithm>
#include <unordered_map>

#include "text/tokenizer/unicode.h"

namespace rlvr {
namespace {

bool IsSpace(int32_t point) { return (unicode::Classes(point) & unicode::kSpace) != 0; }

// The character that ends before text[end]; -1 where there is none or it is not valid.
unicode::Char Before(std::string_view text, size_t end) {
  for (uint32_t size = 1; size <= 4 && size <= end; ++size) {
    const unicode::Char c = unicode::At(text.substr(0, end), end - size);
    if (c.point >= 0 && c.size == size) return c;
  }
  return {-1, 1};
}

bool EndsWithWord(std::string_view text) {
  return !text.empty() && unicode::IsWordOrJoiner(Before(text, text.size()).point);
}

bool StartsWithWord(std::string_view text) {
  return !text.empty() && unicode::IsWordOrJoiner(unicode::At(text, 0).point);
}

}  // namespace

AddedTokens::AddedTokens(const Part& file, const Bpe& bpe, const Normalizer& normalizer) {
  if (!file.Has("added_tokens")) return;
  // The library gives ids anew, in this order: what the file says must agree.
  auto next = static_cast<int64_t>(bpe.num_tokens());
  int64_t highest = -1;
  std::unordered_map<std::string, size_t> known;
  for (const Part& item : file.Items("added_tokens")) {
    Token token;
    token.content = item.String("content");
    const int64_t id = item.Int("id");
    if (token.content.empty()) item.Fail("is empty", "is the file damaged?");
    token.single_word = item.Bool("single_word", false);
    token.lstrip = item.Bool("lstrip", false);
    token.rstrip = item.Bool("rstrip", false);
    token.special = item.Bool("special", false);
    token.normalized = item.Bool("normalized", !token.special);
    if (known.contains(token.content))
      item.Fail("is '" + token.content + "', which is there before", "remove one of them");
    const int32_t in_model = bpe.Find(token.content);
    const int64_t expected = in_model >= 0 ? in_model : next++;
    if (id != expected) {
      item.Fail("gives '" + token.content + "' the id " + std::to_string(id) + " where " +
                    std::to_string(expected) + " is the next free one",
                "ids of added tokens follow the vocabulary without gaps");
    }
    highest = std::max(highest, id);
    token.id = static_cast<int32_t>(id);
    token.form = token.normalized ? normalizer.Apply(token.content) : token.content;
    if (token.form.empty())
      item.Fail("is empty once it is normalised", "set its normalized to false");
    known.emplace(token.content, tokens_.size());
    tokens_.push_back(std::move(token));
  }
  for (const bool normalized : {false, true}) {
    Finder& finder = finders_[normalized];
    for (const Token& t : tokens_)
      if (t.normalized == normalized) finder.tokens.push_back(&t);
    const auto first = [](const Token* t) { return static_cast<unsigned char>(t->form[0]); };
    std::stable_sort(
        finder.tokens.begin(), finder.tokens.end(), [&](const Token* a, const Token* b) {
          return first(a) != first(b) ? first(a) < first(b) : a->form.size() > b->form.size();
        });
    for (const Token* t : finder.tokens) {
      finder.starts[first(t)] = true;
      for (size_t b = first(t) + size_t{1}; b <= 256; ++b) ++finder.of_first[b];
    }
  }
}

void AddedTokens::Find(std::string_view text, bool normalized, std::vector<Stretch>* out) const {
  const Finder& finder = finders_[normalized];
  size_t plain = 0;  // where the text behind the last token starts
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const Token* found = nullptr;
    if (finder.starts[byte]) {
      for (uint32_t i = finder.of_first[byte]; i < finder.of_first[byte + size_t{1}]; ++i) {
        if (!text.substr(at).starts_with(finder.tokens[i]->form)) continue;
        found = finder.tokens[i];
        break;
      }
    }
    if (!found) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + found->form.size();
    at = end;  // the search goes on behind it in any case
    if (found->single_word &&
        (EndsWithWord(text.substr(0, begin)) || StartsWithWord(text.substr(end)))) {
      continue;
    }
    if (found->lstrip) {
      size_t spaces = begin;
      while (spaces > 0) {
        const unicode::Char c = Before(text, spaces);
        if (!IsSpace(c.point)) break;
        spaces -= c.size;
      }
      begin = std::max(spaces, plain);
    }
    if (found->rstrip) {
      while (end < text.size()) {
        const unicode::Char c = unicode::At(text, end);
        if (!IsSpace(c.point)) break;
        end += c.size;
      }
    }
    if (plain < begin) out->push_back({-1, plain, begin});
    out->push_back({found->id, begin, end});
    plain = end;
  }
  if (plain != text.size()) out->push_back({-1, plain, text.size()});
}

}  // namespace rlvr
