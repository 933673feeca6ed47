#include "text/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <map>

#include "text/byte_level.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/unicode.h"

namespace rlvr {

struct PreTokenizer::Match {
  size_t begin, end;
  bool is_match;
};

namespace {

// Splits text at the characters for which is(point, classes) is true; each is a match of its own.
template <class Is, class F>
void MatchCharacters(std::string_view text, Is is, F emit) {
  size_t before = 0;
  for (size_t at = 0; at < text.size();) {
    const unicode::Char c = unicode::At(text, at);
    if (is(c.point, unicode::Classes(c.point))) {
      if (at > before) emit(before, at, false);
      emit(at, at + c.size, true);
      before = at + c.size;
    }
    at += c.size;
  }
  if (before < text.size()) emit(before, text.size(), false);
}

// \w+|[^\w\s]+ in Rust's reading: runs of words, of spaces, and of anything else.
template <class F>
void MatchWords(std::string_view text, F emit) {
  enum { kNone, kWordRun, kSpaceRun, kOtherRun } run = kNone;
  size_t begin = 0;
  for (size_t at = 0; at <= text.size();) {
    auto now = kNone;
    uint32_t size = 1;
    if (at < text.size()) {
      const unicode::Char c = unicode::At(text, at);
      size = c.size;
      now = unicode::IsWordOrJoiner(c.point)                     ? kWordRun
            : (unicode::Classes(c.point) & unicode::kSpace) != 0 ? kSpaceRun
                                                                 : kOtherRun;
    }
    if (now != run) {
      if (run != kNone) emit(begin, at, run != kSpaceRun);
      run = now;
      begin = at;
    }
    at += size;
  }
}

}  // namespace

PreTokenizer::PreTokenizer(const Part& part) { Add(part); }

PreTokenizer::Behavior PreTokenizer::ReadBehavior(const Part& part, const char* key) {
  static const std::map<std::string, Behavior> names = {
      {"Removed", Behavior::kRemoved},
      {"Isolated", Behavior::kIsolated},
      {"MergedWithPrevious", Behavior::kMergedWithPrevious},
      {"MergedWithNext", Behavior::kMergedWithNext},
      {"Contiguous", Behavior::kContiguous}};
  const auto it = names.find(part.String(key));
  if (it == names.end()) part.Unsupported(key);
  return it->second;
}

void PreTokenizer::Add(const Part& part) {
  const std::string type = part.Type();
  if (type == "Sequence") {
    for (const Part& item : part.Items("pretokenizers")) Add(item);
    return;
  }
  if (byte_level_) part.Fail("comes after ByteLevel", "ByteLevel has to be the last of a Sequence");
  Step step;
  if (type == "ByteLevel") {
    byte_level_ = true;
    if (part.Bool("add_prefix_space", true)) {
      step.kind = Step::kPrefixSpace;
      steps_.push_back(std::move(step));
    }
    if (part.Bool("use_regex", true)) {
      Step pattern;
      pattern.kind = Step::kScanner;
      steps_.push_back(std::move(pattern));
    }
    return;
  }
  if (type == "Split") return AddSplit(part);
  if (type == "Metaspace") return AddMetaspace(part);
  if (type == "Digits") {
    step.kind = Step::kDigits;
    if (!part.Bool("individual_digits", false)) step.behavior = Behavior::kContiguous;
  } else if (type == "Punctuation") {
    step.kind = Step::kPunctuation;
    if (part.Has("behavior")) step.behavior = ReadBehavior(part, "behavior");
  } else if (type == "Whitespace") {
    step.kind = Step::kWords;
    step.behavior = Behavior::kRemoved;
    step.invert = true;
  } else if (type == "WhitespaceSplit") {
    step.kind = Step::kSpaces;
    step.behavior = Behavior::kRemoved;
  } else {
    part.Unsupported("type");
  }
  steps_.push_back(std::move(step));
}

void PreTokenizer::AddSplit(const Part& part) {
  Step step;
  step.behavior = ReadBehavior(part, "behavior");
  step.invert = part.Bool("invert", false);
  const Part pattern = part.At("pattern");
  const bool is_text = pattern.Has("String");
  const std::string expression =
      is_text ? EscapePattern(pattern.String("String")) : pattern.String("Regex");
  const auto scanner = is_text ? std::nullopt : ScannerOf(expression);
  // These patterns leave nothing between matches, so that nothing is removed.
  const bool keeps_matches = (step.behavior == Behavior::kIsolated && !step.invert) ||
                             (step.behavior == Behavior::kRemoved && step.invert);
  if (scanner && keeps_matches) {
    step.kind = Step::kScanner;
    step.scanner = *scanner;
  } else {
    step.kind = Step::kPattern;
    step.pattern.emplace(expression, part.place());
  }
  steps_.push_back(std::move(step));
}

void PreTokenizer::AddMetaspace(const Part& part) {
  Step step;
  step.kind = Step::kMetaspace;
  step.marker = part.String("replacement");
  if (step.marker.empty() || unicode::At(step.marker, 0).size != step.marker.size())
    part.At("replacement").Fail("is not one character", "is the file damaged?");
  const std::string scheme = part.Has("prepend_scheme") ? part.String("prepend_scheme") : "always";
  if (scheme == "always") {
    step.prepend = Prepend::kAlways;
  } else if (scheme == "first") {
    step.prepend = Prepend::kFirst;
  } else if (scheme == "never") {
    step.prepend = Prepend::kNever;
  } else {
    part.Unsupported("prepend_scheme");
  }
  if (!part.Bool("add_prefix_space", true)) step.prepend = Prepend::kNever;
  Step split;
  split.kind = Step::kCharacter;
  split.marker = step.marker;
  split.behavior = Behavior::kMergedWithNext;
  steps_.push_back(std::move(step));
  if (part.Bool("split", true)) steps_.push_back(std::move(split));
}

PreTokenizer::Cut PreTokenizer::SplitInSteps(std::string_view text, bool at_start) const {
  Cut cut{std::string(text), {}};
  if (!text.empty()) cut.pieces.emplace_back(0, text.size());
  std::vector<Match> matches;
  for (const Step& step : steps_) {
    if (step.kind == Step::kPrefixSpace || step.kind == Step::kMetaspace) {
      Change(step, at_start, &cut);
      continue;
    }
    std::vector<Range> finer;
    for (const auto& [begin, end] : cut.pieces) {
      matches.clear();
      Matches(step, std::string_view(cut.text).substr(begin, end - begin), &matches);
      Behave(step, matches, begin, &finer);
    }
    cut.pieces = std::move(finer);
  }
  return cut;
}

// The steps that change the text of the pieces.
void PreTokenizer::Change(const Step& step, bool at_start, Cut* cut) {
  std::string text;
  std::vector<Range> pieces;
  const std::string marker = step.kind == Step::kPrefixSpace ? " " : step.marker;
  for (const auto& [begin, end] : cut->pieces) {
    const std::string_view old = std::string_view(cut->text).substr(begin, end - begin);
    const std::string piece =
        step.kind == Step::kMetaspace ? ReplaceAll(old, " ", marker) : std::string(old);
    const bool wanted = step.prepend == Prepend::kAlways ||
                        (step.prepend == Prepend::kFirst && at_start && begin == 0);
    const size_t from = text.size();
    if (wanted && !piece.starts_with(marker)) text += marker;
    text += piece;
    pieces.emplace_back(from, text.size());
  }
  *cut = {std::move(text), std::move(pieces)};
}

void PreTokenizer::Matches(const Step& step, std::string_view text, std::vector<Match>* matches) {
  const auto emit = [&](size_t begin, size_t end, bool is_match) {
    matches->push_back({begin, end, is_match});
  };
  using unicode::kPunctuation;
  using unicode::kSpace;
  switch (step.kind) {
    case Step::kScanner:
      for (size_t at = 0; at < text.size();) {
        const size_t end = NextPiece(step.scanner, text, at);
        emit(at, end, true);
        at = end;
      }
      break;
    case Step::kPattern:
      step.pattern->ForEach(text, emit);
      break;
    case Step::kDigits:
      MatchCharacters(
          text, [](int32_t point, uint8_t) { return unicode::IsNumericToDigits(point); }, emit);
      break;
    case Step::kPunctuation:
      MatchCharacters(
          text, [](int32_t, uint8_t classes) { return (classes & kPunctuation) != 0; }, emit);
      break;
    case Step::kWords:
      MatchWords(text, emit);
      break;
    case Step::kSpaces:
      MatchCharacters(
          text, [](int32_t, uint8_t classes) { return (classes & kSpace) != 0; }, emit);
      break;
    case Step::kCharacter: {
      const int32_t marker = unicode::At(step.marker, 0).point;
      MatchCharacters(
          text, [marker](int32_t point, uint8_t) { return point == marker; }, emit);
      break;
    }
    case Step::kPrefixSpace:
    case Step::kMetaspace:
      break;
  }
}

void PreTokenizer::Behave(const Step& step, const std::vector<Match>& matches, size_t offset,
                          std::vector<Range>* pieces) {
  const size_t first = pieces->size();
  const auto add = [&](const Match& m) { pieces->emplace_back(offset + m.begin, offset + m.end); };
  const auto is_match = [&](const Match& m) { return m.is_match != step.invert; };
  bool before = false;  // was the last one a match?
  switch (step.behavior) {
    case Behavior::kRemoved:
      for (const Match& m : matches)
        if (!is_match(m)) add(m);
      break;
    case Behavior::kIsolated:
      for (const Match& m : matches) add(m);
      break;
    case Behavior::kContiguous:
    case Behavior::kMergedWithPrevious:
      for (const Match& m : matches) {
        const bool joins =
            step.behavior == Behavior::kContiguous ? is_match(m) == before : is_match(m) && !before;
        if (joins && pieces->size() > first)
          pieces->back().second = offset + m.end;
        else
          add(m);
        before = is_match(m);
      }
      break;
    case Behavior::kMergedWithNext: {
      std::vector<Range> backwards;
      for (auto m = matches.rbegin(); m != matches.rend(); ++m) {
        if (is_match(*m) && !before && !backwards.empty())
          backwards.back().first = offset + m->begin;
        else
          backwards.emplace_back(offset + m->begin, offset + m->end);
        before = is_match(*m);
      }
      pieces->insert(pieces->end(), backwards.rbegin(), backwards.rend());
      break;
    }
  }
  const auto added = pieces->begin() + static_cast<ptrdiff_t>(first);
  pieces->erase(
      std::remove_if(added, pieces->end(), [](const Range& r) { return r.first == r.second; }),
      pieces->end());
}

}  // namespace rlvr
