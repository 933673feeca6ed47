#include "text/tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "text/tokenizer/added_tokens.h"
#include "text/tokenizer/bpe.h"
#include "text/tokenizer/decoder.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/part.h"
#include "text/tokenizer/post_processor.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {

struct Tokenizer::Impl {
  std::string source;  // the file, for writing back
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::optional<Bpe> bpe;
  AddedTokens added;
  PostProcessor post_processor;
  Decoder decoder;
  std::unordered_map<std::string, int32_t> added_ids;
  std::vector<std::string> texts;  // [vocab_size] what the decoder gets
  std::vector<std::string> bytes;  // [vocab_size] what it makes of one
  std::vector<char> special;       // [vocab_size]
  std::vector<char> exists;        // [vocab_size]

  Impl(const std::string& text, const std::string& place);
  void ReadTokens();
  // Text in which tokens that are found before normalising have been found already.
  void EncodeStretch(std::string_view text, bool at_start, bool parse_special,
                     std::vector<int32_t>* out) const;
  bool Shows(int32_t id, bool skip_special) const {
    if (id < 0 || static_cast<size_t>(id) >= texts.size()) return false;
    const auto i = static_cast<size_t>(id);
    return exists[i] && !(skip_special && special[i]);
  }
};

Tokenizer::Impl::Impl(const std::string& text, const std::string& place) : source(text) {
  const nlohmann::ordered_json json = ParseTokenizerJson(text, place);
  const Part file(json, place, "");
  if (file.Has("version") && file.String("version") != "1.0") file.Unsupported("version");
  if (file.Has("normalizer")) normalizer = Normalizer(file.At("normalizer"));
  if (file.Has("pre_tokenizer")) pre_tokenizer = PreTokenizer(file.At("pre_tokenizer"));
  bpe.emplace(file.At("model"), pre_tokenizer.byte_level());
  added = AddedTokens(file, *bpe, normalizer);
  if (file.Has("post_processor")) post_processor = PostProcessor(file.At("post_processor"));
  if (file.Has("decoder")) decoder = Decoder(file.At("decoder"));
  ReadTokens();
}

void Tokenizer::Impl::ReadTokens() {
  texts = bpe->texts();
  exists.reserve(texts.size());
  for (const std::string& t : texts) exists.push_back(!t.empty());
  special.assign(texts.size(), 0);
  for (const auto& t : added.tokens()) {
    const auto id = static_cast<size_t>(t.id);
    if (id >= texts.size()) {
      texts.resize(id + 1);
      exists.resize(id + 1);
      special.resize(id + 1);
    }
    texts[id] = t.form;
    exists[id] = 1;
    special[id] = t.special;
    added_ids[t.content] = t.id;
  }
  bytes.reserve(texts.size());
  for (const std::string& t : texts) bytes.push_back(decoder.TokenBytes(t));
}

void Tokenizer::Impl::EncodeStretch(std::string_view text, bool at_start, bool parse_special,
                                    std::vector<int32_t>* out) const {
  std::string changed;
  if (!normalizer.Keeps(text)) {
    changed = normalizer.Apply(std::string(text));
    text = changed;
  }
  const auto encode = [&](std::string_view plain, bool first) {
    pre_tokenizer.Split(plain, first, [&](std::string_view piece) { bpe->Encode(piece, out); });
  };
  if (!parse_special || !added.Any(true)) return encode(text, at_start);
  std::vector<AddedTokens::Stretch> stretches;
  added.Find(text, true, &stretches);
  for (const auto& s : stretches) {
    if (s.id >= 0)
      out->push_back(s.id);
    else
      encode(text.substr(s.begin, s.end - s.begin), at_start && s.begin == 0);
  }
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::Load(const std::string& path) { return FromJson(ReadFile(path), path); }

Tokenizer Tokenizer::FromJson(const std::string& text, const std::string& place) {
  return Tokenizer(std::make_unique<Impl>(text, place));
}

std::string Tokenizer::ToJson() const {
  return ParseTokenizerJson(impl_->source, "tokenizer").dump(2) + "\n";
}

void Tokenizer::Save(const std::string& folder, const std::string& chat_template) const {
  MakeDirectories(folder);
  WriteFileAtomically(folder + "/tokenizer.json", ToJson());
  nlohmann::ordered_json config;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["clean_up_tokenization_spaces"] = false;
  for (const auto& [key, token] :
       {std::pair{"eos_token", "<|im_end|>"}, {"pad_token", "<|endoftext|>"}}) {
    if (impl_->added_ids.contains(token)) config[key] = token;
  }
  if (!chat_template.empty()) config["chat_template"] = chat_template;
  WriteFileAtomically(folder + "/tokenizer_config.json", config.dump(2) + "\n");
}

std::vector<int32_t> Tokenizer::Encode(std::string_view text, bool parse_special) const {
  std::vector<int32_t> out;
  out.reserve(text.size() / 3);
  if (!parse_special || !impl_->added.Any(false)) {
    impl_->EncodeStretch(text, true, parse_special, &out);
    return out;
  }
  std::vector<AddedTokens::Stretch> stretches;
  impl_->added.Find(text, false, &stretches);
  for (const auto& s : stretches) {
    if (s.id >= 0) {
      out.push_back(s.id);
    } else {
      impl_->EncodeStretch(text.substr(s.begin, s.end - s.begin), s.begin == 0, parse_special,
                           &out);
    }
  }
  return out;
}

std::vector<int32_t> Tokenizer::EncodeWithSpecial(std::string_view text, bool parse_special) const {
  return impl_->post_processor.Apply(Encode(text, parse_special));
}

std::string Tokenizer::Decode(std::span<const int32_t> tokens, bool skip_special) const {
  std::string text;
  Decoder::Stream stream(impl_->decoder);
  for (const int32_t t : tokens) {
    if (!impl_->Shows(t, skip_special)) continue;
    if (impl_->decoder.JoinsBytes())
      text += impl_->bytes[static_cast<size_t>(t)];
    else
      stream.Push(impl_->texts[static_cast<size_t>(t)], &text);
  }
  stream.Flush(&text);
  return text;
}

const std::string& Tokenizer::TokenBytes(int32_t id) const {
  static const std::string empty;  // ids that a model has beyond its tokenizer's
  return id >= 0 && id < vocab_size() ? impl_->bytes[static_cast<size_t>(id)] : empty;
}

int32_t Tokenizer::TokenId(std::string_view content) const {
  if (const auto it = impl_->added_ids.find(std::string(content)); it != impl_->added_ids.end())
    return it->second;
  return impl_->bpe->FindBytes(content);
}

bool Tokenizer::IsSpecial(int32_t id) const {
  return id >= 0 && id < vocab_size() && impl_->special[static_cast<size_t>(id)];
}

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(impl_->texts.size()); }

struct DecodeStream::State {
  const Tokenizer::Impl* tokenizer;
  bool skip_special;
  Decoder::Stream stream;
  std::string held;  // the start of a character
};

DecodeStream::DecodeStream(const Tokenizer& tokenizer, bool skip_special)
    : state_(std::make_unique<State>(State{tokenizer.impl_.get(), skip_special,
                                           Decoder::Stream(tokenizer.impl_->decoder), ""})) {}
DecodeStream::~DecodeStream() = default;
DecodeStream::DecodeStream(DecodeStream&&) noexcept = default;
DecodeStream& DecodeStream::operator=(DecodeStream&&) noexcept = default;

std::string DecodeStream::Push(int32_t token) {
  if (!state_->tokenizer->Shows(token, state_->skip_special)) return "";
  state_->stream.Push(state_->tokenizer->texts[static_cast<size_t>(token)], &state_->held);
  const size_t complete = state_->held.size() - unicode::IncompleteTail(state_->held);
  std::string text = state_->held.substr(0, complete);
  state_->held.erase(0, complete);
  return text;
}

std::string DecodeStream::Flush() {
  state_->stream.Flush(&state_->held);
  return std::exchange(state_->held, "");
}

}  // namespace rlvr
