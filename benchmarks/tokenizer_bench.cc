// What tokenizer_check.py and tokenizer_speed.py compare with the `tokenizers` library.
//   tokenizer_bench cases TOKENIZER.json < frames > frames
//   tokenizer_bench rewrite TOKENIZER.json > TOKENIZER.json   what ToJson writes
//   tokenizer_bench speed TOKENIZER.json REPEATS < frames     prints seconds, one line a repeat
// A frame in is a text: its length (uint32, little endian) and its bytes. For each, `cases` writes
// five frames: ids of Encode, ids of EncodeWithSpecial, ids with added tokens as plain text (int32
// each), Decode with special tokens and without. It stops where a stream's text differs from Decode.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/tokenizer.h"

namespace {

using rlvr::Tokenizer;

std::vector<std::string> ReadFrames() {
  std::vector<std::string> texts;
  for (uint32_t size; std::fread(&size, sizeof(size), 1, stdin) == 1;) {
    std::string text(size, '\0');
    if (std::fread(text.data(), 1, size, stdin) != size)
      throw rlvr::Error("standard input", "ends inside a frame", "");
    texts.push_back(std::move(text));
  }
  return texts;
}

void WriteFrame(const void* data, size_t size) {
  const auto n = static_cast<uint32_t>(size);
  std::fwrite(&n, sizeof(n), 1, stdout);
  std::fwrite(data, 1, size, stdout);
}

void WriteIds(const std::vector<int32_t>& ids) {
  WriteFrame(ids.data(), ids.size() * sizeof(int32_t));
}

std::string Streamed(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool skip) {
  rlvr::DecodeStream stream(tokenizer, skip);
  std::string text;
  for (const int32_t id : ids) text += stream.Push(id);
  return text + stream.Flush();
}

void Cases(const Tokenizer& tokenizer) {
  for (const std::string& text : ReadFrames()) {
    const auto ids = tokenizer.Encode(text);
    const auto with_special = tokenizer.EncodeWithSpecial(text);
    WriteIds(ids);
    WriteIds(with_special);
    WriteIds(tokenizer.Encode(text, false));
    for (const bool skip : {false, true}) {
      const std::string decoded = tokenizer.Decode(with_special, skip);
      if (Streamed(tokenizer, with_special, skip) != decoded)
        throw rlvr::Error("stream", "differs from Decode for '" + text + "'", "");
      WriteFrame(decoded.data(), decoded.size());
    }
  }
}

void Speed(const Tokenizer& tokenizer, int repeats) {
  const auto texts = ReadFrames();
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    size_t count = 0;
    for (const std::string& text : texts) count += tokenizer.Encode(text).size();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%.6f %zu\n", seconds.count(), count);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  if (mode != "cases" && mode != "rewrite" && !(mode == "speed" && argc == 4)) {
    std::fprintf(stderr,
                 "usage: tokenizer_bench cases|rewrite|speed TOKENIZER.json [REPEATS] < frames\n");
    return 2;
  }
  try {
    const Tokenizer tokenizer = Tokenizer::Load(argv[2]);
    if (mode == "cases")
      Cases(tokenizer);
    else if (mode == "rewrite")
      std::fputs(tokenizer.ToJson().c_str(), stdout);
    else
      Speed(tokenizer, std::atoi(argv[3]));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tokenizer_bench: %s\n", e.what());
    return 1;
  }
  return 0;
}
