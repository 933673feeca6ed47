#include "text/tokenizer/decoder.h"

#include "text/byte_level.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {
namespace {

// The byte of a token "<0x41>"; -1 for other tokens.
int FallbackByte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  const int high = digit(token[3]), low = digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// A run of byte tokens is text, or as many U+FFFD.
std::string RunOfBytes(const std::string& bytes) {
  if (unicode::IsValid(bytes)) return bytes;
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) out += "\xEF\xBF\xBD";
  return out;
}

}  // namespace

Decoder::Decoder(const Part& part) { Add(part); }

void Decoder::Add(const Part& part) {
  const std::string type = part.Type();
  if (type == "Sequence") {
    for (const Part& item : part.Items("decoders")) Add(item);
    return;
  }
  Step step;
  for (const Step& before : steps_)
    if (before.kind == Step::kByteLevel || before.kind == Step::kFuse) step.on_whole = true;
  const auto character = [&](const char* key) {
    const std::string c = part.String(key);
    if (c.empty() || unicode::At(c, 0).size != c.size())
      part.At(key).Fail("is not one character", "is the file damaged?");
    return c;
  };
  if (type == "ByteLevel") {
    step.kind = Step::kByteLevel;
  } else if (type == "ByteFallback") {
    step.kind = Step::kByteFallback;
  } else if (type == "Fuse") {
    step.kind = Step::kFuse;
  } else if (type == "Strip") {
    step.kind = Step::kStrip;
    step.character = character("content");
    const int64_t start = part.Int("start"), stop = part.Int("stop");
    if (start < 0) part.Unsupported("start");
    if (stop < 0) part.Unsupported("stop");
    step.start = static_cast<size_t>(start);
    step.stop = static_cast<size_t>(stop);
  } else if (type == "Metaspace") {
    step.kind = Step::kMetaspace;
    step.character = character("replacement");
    step.prepended = part.Bool("add_prefix_space", true) &&
                     (!part.Has("prepend_scheme") || part.String("prepend_scheme") != "never");
  } else if (type == "Replace") {
    step.kind = Step::kReplace;
    step.replacement.emplace(part);
  } else {
    part.Unsupported("type");
  }
  steps_.push_back(std::move(step));
}

std::string Decoder::Replaced(const Step& step, std::string token, bool first) {
  switch (step.kind) {
    case Step::kReplace:
      return step.replacement->Apply(token);
    case Step::kMetaspace:
      return ReplaceAll(token, step.character, first && step.prepended ? "" : " ");
    case Step::kByteLevel:
      if (auto bytes = ByteLevelBytes(token)) return std::move(*bytes);
      return token;
    default:
      return token;
  }
}

std::string Decoder::Stripped(const Step& step, const std::string& token) {
  std::string_view rest = token;
  for (size_t i = 0; i < step.start && rest.starts_with(step.character); ++i)
    rest.remove_prefix(step.character.size());
  // The ends may meet, but a token that the start has used up has no end to cut.
  std::string_view end = token;
  for (size_t i = 0; i < step.stop && end.ends_with(step.character); ++i)
    end.remove_suffix(step.character.size());
  const size_t begin = token.size() - rest.size();
  return begin < end.size() ? token.substr(begin, end.size() - begin) : "";
}

Decoder::Stream::Stream(const Decoder& decoder)
    : decoder_(decoder), stages_(decoder.steps_.size() + 1) {}

void Decoder::Stream::Push(std::string token, std::string* out) {
  if (decoder_.steps_.empty() && stages_[0].tokens++ > 0) out->push_back(' ');
  PushTo(0, std::move(token), out);
}

void Decoder::Stream::Flush(std::string* out) { FlushFrom(0, out); }

void Decoder::Stream::PushTo(size_t i, std::string token, std::string* out) {
  if (i == decoder_.steps_.size()) {
    *out += token;
    return;
  }
  const Step& step = decoder_.steps_[i];
  Stage& stage = stages_[i];
  const bool first = stage.tokens++ == 0;
  if (step.kind == Step::kFuse) return PushTo(i + 1, std::move(token), out);
  if (step.on_whole) {
    const bool takes_start_only =
        step.kind == Step::kStrip && step.stop == 0 && step.character.size() == 1;
    if (!takes_start_only) {
      stage.held += token;  // until the end
      return;
    }
    size_t from = 0;
    while (stage.cutting && from < token.size()) {
      stage.cutting = stage.cut < step.start && token[from] == step.character[0];
      if (stage.cutting) {
        ++from;
        ++stage.cut;
      }
    }
    return PushTo(i + 1, token.substr(from), out);
  }
  if (step.kind == Step::kByteFallback) {
    if (const int byte = FallbackByte(token); byte >= 0) {
      stage.held += static_cast<char>(byte);
      return;
    }
    if (!stage.held.empty()) PushTo(i + 1, RunOfBytes(stage.held), out);
    stage.held.clear();
    return PushTo(i + 1, std::move(token), out);
  }
  if (step.kind == Step::kStrip) return PushTo(i + 1, Stripped(step, token), out);
  PushTo(i + 1, Replaced(step, std::move(token), first), out);
}

void Decoder::Stream::FlushFrom(size_t i, std::string* out) {
  if (i == decoder_.steps_.size()) return;
  const Step& step = decoder_.steps_[i];
  const std::string held = std::exchange(stages_[i].held, "");
  if (!step.on_whole) {
    if (!held.empty()) PushTo(i + 1, RunOfBytes(held), out);
  } else if (!held.empty()) {
    if (step.kind == Step::kStrip) {
      PushTo(i + 1, Stripped(step, held), out);
    } else if (step.kind == Step::kByteFallback) {
      const int byte = FallbackByte(held);
      PushTo(i + 1, byte < 0 ? held : RunOfBytes(std::string(1, static_cast<char>(byte))), out);
    } else {
      PushTo(i + 1, Replaced(step, held, true), out);
    }
  }
  FlushFrom(i + 1, out);
}

std::string Decoder::Decode(const std::vector<std::string>& tokens) const {
  std::string out;
  Stream stream(*this);
  for (const std::string& token : tokens) stream.Push(token, &out);
  stream.Flush(&out);
  return out;
}

std::string Decoder::TokenBytes(const std::string& token) const {
  std::string bytes = token;
  for (const Step& step : steps_) {
    if (step.on_whole) break;
    const int byte = step.kind == Step::kByteFallback ? FallbackByte(bytes) : -1;
    if (byte >= 0)
      bytes = std::string(1, static_cast<char>(byte));
    else
      bytes = Replaced(step, std::move(bytes), false);
  }
  return bytes;
}

}  // namespace rlvr
