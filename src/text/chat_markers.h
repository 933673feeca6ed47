// Text with origins -> tokens: a tokenizer's added tokens are found where a template wrote them.
#ifndef RLVR_TEXT_CHAT_MARKERS_H_
#define RLVR_TEXT_CHAT_MARKERS_H_
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/text.h"
#include "text/tokenizer.h"

namespace rlvr {

class ChatMarkers {
 public:
  // tokenizer_json: its added tokens, with what white space around them belongs to them.
  ChatMarkers(const std::string& tokenizer_json, const std::string& place);

  // What is between two markers is encoded as one text, whoever wrote it.
  std::vector<int32_t> Encode(const Tokenizer& tokenizer, const jinja::Text& text) const;
  bool IsMarker(int32_t token) const;

 private:
  struct Marker {
    std::string content;
    int32_t id = 0;
    bool takes_space_before = false, takes_space_after = false;
  };
  // The longest marker that begins at a byte and that no data is part of; null: none.
  const Marker* At(const jinja::Text& text, size_t at) const;

  std::vector<Marker> markers_;  // longest first
};

}  // namespace rlvr
#endif  // RLVR_TEXT_CHAT_MARKERS_H_
