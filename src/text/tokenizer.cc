#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <climits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "text/byte_level.h"
#include "text/pattern.h"

namespace rlvr {
namespace {

using Json = nlohmann::ordered_json;

uint64_t PairKey(int32_t a, int32_t b) {
  return static_cast<uint64_t>(a) << 32 | static_cast<uint32_t>(b);
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 128; });
}

}  // namespace

struct Tokenizer::Impl {
  Json json;                                                         // as read, for writing back
  std::vector<std::string> bytes;                                    // [vocab_size] of each id
  std::unordered_map<std::string, int32_t> ids;                      // of ordinary tokens' bytes
  std::unordered_map<uint64_t, std::pair<int32_t, int32_t>> merges;  // pair -> rank, result
  std::vector<AddedToken> added;                                     // longest first
  std::vector<char> special;                                         // [vocab_size]
  std::unordered_map<std::string, int32_t> added_ids;
  std::vector<std::unique_ptr<Pattern>> patterns;
  std::array<int32_t, 256> byte_ids;
  bool nfc = false, add_prefix_space = false, ignore_merges = false;

  void EncodePiece(std::string_view piece, std::vector<int32_t>* out) const;
  void EncodeText(std::string_view text, std::vector<int32_t>* out) const;
};

// Byte pairs merged by lowest rank, leftmost first, as in GPT-2.
void Tokenizer::Impl::EncodePiece(std::string_view piece, std::vector<int32_t>* out) const {
  if (ignore_merges) {
    if (const auto it = ids.find(std::string(piece)); it != ids.end()) {
      out->push_back(it->second);
      return;
    }
  }
  std::vector<int32_t> symbols;
  for (const char c : piece) symbols.push_back(byte_ids[static_cast<unsigned char>(c)]);
  while (symbols.size() > 1) {
    int32_t best_rank = INT_MAX, result = 0;
    uint64_t best = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto it = merges.find(PairKey(symbols[i], symbols[i + 1]));
      if (it != merges.end() && it->second.first < best_rank) {
        best_rank = it->second.first;
        result = it->second.second;
        best = it->first;
      }
    }
    if (best_rank == INT_MAX) break;
    size_t to = 0;
    for (size_t i = 0; i < symbols.size(); ++to) {
      if (i + 1 < symbols.size() && PairKey(symbols[i], symbols[i + 1]) == best) {
        symbols[to] = result;
        i += 2;
      } else {
        symbols[to] = symbols[i++];
      }
    }
    symbols.resize(to);
  }
  out->insert(out->end(), symbols.begin(), symbols.end());
}

void Tokenizer::Impl::EncodeText(std::string_view text, std::vector<int32_t>* out) const {
  if (text.empty()) return;
  if (nfc && !IsAscii(text)) {
    const std::string normal = NormalizeNfc(text);
    if (normal != text) return EncodeText(normal, out);
  }
  std::vector<std::string> pieces = {std::string(text)};
  if (add_prefix_space && text[0] != ' ') pieces[0] = " " + pieces[0];
  for (const auto& pattern : patterns) {
    std::vector<std::string> finer;
    for (const auto& p : pieces) {
      pattern->Split(
          p, [&](size_t begin, size_t end) { finer.push_back(p.substr(begin, end - begin)); });
    }
    pieces = std::move(finer);
  }
  for (const auto& p : pieces) EncodePiece(p, out);
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::Load(const std::string& path) { return FromJson(ReadFile(path), path); }

Tokenizer Tokenizer::FromJson(const std::string& text, const std::string& place) {
  auto impl = std::make_unique<Impl>();
  const auto unsupported = [&](const std::string& what, const Json& value) {
    throw Error(place, what + " " + value.dump() + " is not supported",
                "byte-level BPE tokenizers are");
  };
  try {
    Json& j = impl->json = Json::parse(text);
    const Json& model = j.at("model");
    if (model.value("type", "BPE") != "BPE") unsupported("model type", model.at("type"));
    if (model.contains("dropout") && !model["dropout"].is_null() && model["dropout"] != 0)
      unsupported("dropout", model["dropout"]);
    if (model.value("byte_fallback", false)) unsupported("byte_fallback", model["byte_fallback"]);
    impl->ignore_merges = model.value("ignore_merges", false);

    const auto normalizer = [&](const Json& n, const auto& self) -> void {
      if (n.is_null()) return;
      const std::string type = n.value("type", "");
      if (type == "NFC") {
        impl->nfc = true;
      } else if (type == "Sequence") {
        for (const auto& item : n.at("normalizers")) self(item, self);
      } else {
        unsupported("normalizer", n);
      }
    };
    if (j.contains("normalizer")) normalizer(j["normalizer"], normalizer);

    bool byte_level = false;
    const auto pre = [&](const Json& p, const auto& self) -> void {
      if (p.is_null()) return;
      const std::string type = p.value("type", "");
      if (type == "Sequence") {
        for (const auto& item : p.at("pretokenizers")) self(item, self);
      } else if (type == "Split") {
        if (p.value("behavior", "") != "Isolated" || p.value("invert", false))
          unsupported("pre_tokenizer", p);
        if (!p.at("pattern").contains("Regex"))
          unsupported("pre_tokenizer pattern", p.at("pattern"));
        impl->patterns.push_back(
            std::make_unique<Pattern>(p["pattern"]["Regex"].get<std::string>(), place));
      } else if (type == "ByteLevel") {
        byte_level = true;
        impl->add_prefix_space = p.value("add_prefix_space", false);
        if (p.value("use_regex", true))
          impl->patterns.push_back(std::make_unique<Pattern>(kGpt2Pattern, place));
      } else {
        unsupported("pre_tokenizer", p);
      }
    };
    if (j.contains("pre_tokenizer")) pre(j["pre_tokenizer"], pre);
    if (!byte_level)
      throw Error(place, "has no ByteLevel pre_tokenizer",
                  "byte-level BPE tokenizers are supported");

    const auto set = [&](int64_t id, std::string bytes) {
      if (id < 0 || id > 10'000'000)
        throw Error(place, "token id " + std::to_string(id) + " is out of range",
                    "is the file damaged?");
      if (static_cast<size_t>(id) >= impl->bytes.size())
        impl->bytes.resize(static_cast<size_t>(id) + 1);
      impl->bytes[static_cast<size_t>(id)] = std::move(bytes);
    };
    std::unordered_map<std::string, int32_t> by_text;  // as written in the file
    for (const auto& [token, id] : model.at("vocab").items()) {
      const std::string bytes = BytesOfVisible(token);
      set(id.get<int64_t>(), bytes);
      impl->ids[bytes] = id.get<int32_t>();
      by_text[token] = id.get<int32_t>();
    }
    for (int b = 0; b < 256; ++b) {
      const auto it = impl->ids.find(std::string(1, static_cast<char>(b)));
      if (it == impl->ids.end())
        throw Error(place, "has no token for byte " + std::to_string(b),
                    "is this a byte-level vocabulary?");
      impl->byte_ids[static_cast<size_t>(b)] = it->second;
    }
    int32_t rank = 0;
    for (const auto& merge : model.at("merges")) {
      std::string a, b;
      if (merge.is_array()) {
        a = merge.at(0).get<std::string>();
        b = merge.at(1).get<std::string>();
      } else {
        const auto& s = merge.get_ref<const std::string&>();
        const size_t space = s.find(' ');
        if (space == std::string::npos)
          throw Error(place, "merge '" + s + "' has no space", "is the file damaged?");
        a = s.substr(0, space);
        b = s.substr(space + 1);
      }
      const auto ia = by_text.find(a), ib = by_text.find(b), ic = by_text.find(a + b);
      if (ia == by_text.end() || ib == by_text.end() || ic == by_text.end()) {
        throw Error(place, "merge '" + a + " " + b + "' is not in the vocabulary",
                    "is the file damaged?");
      }
      impl->merges.try_emplace(PairKey(ia->second, ib->second), rank++, ic->second);
    }
    if (j.contains("added_tokens") && !j["added_tokens"].is_null()) {
      for (const auto& t : j["added_tokens"]) {
        AddedToken token{t.at("id").get<int32_t>(), t.at("content").get<std::string>(),
                         t.value("special", false)};
        if (token.content.empty())
          throw Error(place, "an added token is empty", "is the file damaged?");
        set(token.id, token.content);
        impl->added_ids[token.content] = token.id;
        impl->added.push_back(std::move(token));
      }
    }
    impl->special.assign(impl->bytes.size(), 0);
    for (const auto& t : impl->added) impl->special[static_cast<size_t>(t.id)] = t.special;
    std::stable_sort(impl->added.begin(), impl->added.end(),
                     [](const AddedToken& a, const AddedToken& b) {
                       return a.content.size() > b.content.size();
                     });
  } catch (const Json::exception& e) {
    throw Error(place, std::string("is no tokenizer.json: ") + e.what(),
                "download or save it again");
  }
  return Tokenizer(std::move(impl));
}

std::string Tokenizer::ToJson() const { return impl_->json.dump(2) + "\n"; }

void Tokenizer::Save(const std::string& folder, const std::string& chat_template) const {
  MakeDirectories(folder);
  WriteFileAtomically(folder + "/tokenizer.json", ToJson());
  Json config;
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
  size_t plain = 0, at = 0;
  while (parse_special && !impl_->added.empty() && at < text.size()) {
    const AddedToken* found = nullptr;
    for (const auto& t : impl_->added) {
      if (text.compare(at, t.content.size(), t.content) == 0) {
        found = &t;
        break;
      }
    }
    if (!found) {
      ++at;
      continue;
    }
    impl_->EncodeText(text.substr(plain, at - plain), &out);
    out.push_back(found->id);
    at += found->content.size();
    plain = at;
  }
  impl_->EncodeText(text.substr(plain), &out);
  return out;
}

std::string Tokenizer::Decode(std::span<const int32_t> tokens, bool skip_special) const {
  std::string text;
  for (const int32_t t : tokens) {
    if (!skip_special || !IsSpecial(t)) text += TokenBytes(t);
  }
  return text;
}

const std::string& Tokenizer::TokenBytes(int32_t id) const {
  static const std::string empty;  // ids that a model has beyond its tokenizer's
  return id >= 0 && id < vocab_size() ? impl_->bytes[static_cast<size_t>(id)] : empty;
}

int32_t Tokenizer::TokenId(std::string_view content) const {
  const std::string key(content);
  if (const auto it = impl_->added_ids.find(key); it != impl_->added_ids.end()) return it->second;
  if (const auto it = impl_->ids.find(key); it != impl_->ids.end()) return it->second;
  return -1;
}

bool Tokenizer::IsSpecial(int32_t id) const {
  return id >= 0 && id < vocab_size() && impl_->special[static_cast<size_t>(id)];
}

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(impl_->bytes.size()); }

}  // namespace rlvr
