#include "text/chat_markers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace rlvr {
namespace {

using MarkerJson = nlohmann::ordered_json;

// The file's "added_tokens" alone: its vocabulary is large, and read elsewhere.
MarkerJson AddedTokens(const std::string& tokenizer_json, const std::string& place) {
  std::string key;
  const auto wanted = [&](int depth, MarkerJson::parse_event_t event, MarkerJson& parsed) {
    if (depth == 1 && event == MarkerJson::parse_event_t::key) key = parsed.get<std::string>();
    return depth == 0 || key == "added_tokens";
  };
  try {
    const MarkerJson json = MarkerJson::parse(tokenizer_json, wanted);
    return json.value("added_tokens", MarkerJson::array());
  } catch (const nlohmann::json::exception& e) {
    throw Error(place, std::string("is no tokenizer.json: ") + e.what(),
                "download or save it again");
  }
}

}  // namespace

ChatMarkers::ChatMarkers(const std::string& tokenizer_json, const std::string& place) {
  const MarkerJson added = AddedTokens(tokenizer_json, place);
  for (const auto& token : added) {
    if (!token.is_object() || !token.contains("content") || !token["content"].is_string() ||
        !token.contains("id") || !token["id"].is_number_integer() || token["content"] == "")
      throw Error(place, "an added token has no id or no content", "download or save it again");
    markers_.push_back({token["content"].get<std::string>(), token["id"].get<int32_t>(),
                        token.value("lstrip", false), token.value("rstrip", false)});
  }
  std::stable_sort(markers_.begin(), markers_.end(), [](const Marker& a, const Marker& b) {
    return a.content.size() > b.content.size();
  });
}

const ChatMarkers::Marker* ChatMarkers::At(const jinja::Text& text, size_t at) const {
  for (const Marker& marker : markers_) {
    const size_t size = marker.content.size();
    if (text.bytes.compare(at, size, marker.content) != 0) continue;
    if (text.from.find_first_not_of(static_cast<char>(jinja::kFromTemplate), at) >= at + size)
      return &marker;
  }
  return nullptr;
}

std::vector<int32_t> ChatMarkers::Encode(const Tokenizer& tokenizer,
                                         const jinja::Text& text) const {
  std::vector<int32_t> tokens;
  const std::string_view bytes = text.bytes;
  size_t begin = 0;  // of the text since the last marker
  const auto encode_until = [&](size_t end) {
    if (begin >= end) return;
    const auto more = tokenizer.Encode(bytes.substr(begin, end - begin), /*parse_special=*/false);
    tokens.insert(tokens.end(), more.begin(), more.end());
  };
  bool first_byte[256] = {};
  for (const Marker& m : markers_) first_byte[static_cast<unsigned char>(m.content[0])] = true;
  for (size_t at = 0; at < bytes.size();) {
    const bool may_begin =
        text.from[at] == jinja::kFromTemplate && first_byte[static_cast<unsigned char>(bytes[at])];
    const Marker* marker = may_begin ? At(text, at) : nullptr;
    if (marker == nullptr) {
      ++at;
      continue;
    }
    encode_until(marker->takes_space_before ? std::max(begin, jinja::SpaceBegin(bytes, at)) : at);
    tokens.push_back(marker->id);
    at += marker->content.size();
    if (marker->takes_space_after) at = jinja::SpaceEnd(bytes, at);
    begin = at;
  }
  encode_until(bytes.size());
  return tokens;
}

bool ChatMarkers::IsMarker(int32_t token) const {
  return std::any_of(markers_.begin(), markers_.end(),
                     [&](const Marker& m) { return m.id == token; });
}

}  // namespace rlvr
