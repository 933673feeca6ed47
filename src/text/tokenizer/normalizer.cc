#include "text/tokenizer/normalizer.h"

#include <map>

namespace rlvr {
namespace {

std::string_view Stripped(std::string_view text, bool left, bool right) {
  size_t begin = 0, end = 0;
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const unicode::Char c = unicode::At(text, at);
    if (!(unicode::Classes(c.point) & unicode::kSpace)) {
      if (!any) begin = at;
      any = true;
      end = at + c.size;
    }
    at += c.size;
  }
  if (!any) return left || right ? std::string_view() : text;
  if (!left) begin = 0;
  if (!right) end = text.size();
  return text.substr(begin, end - begin);
}

}  // namespace

Normalizer::Normalizer(const Part& part) { Add(part); }

void Normalizer::Add(const Part& part) {
  using unicode::NormalForm;
  static const std::map<std::string, NormalForm> forms = {{"NFC", NormalForm::kNfc},
                                                          {"NFD", NormalForm::kNfd},
                                                          {"NFKC", NormalForm::kNfkc},
                                                          {"NFKD", NormalForm::kNfkd}};
  const std::string type = part.Type();
  if (type == "Sequence") {
    for (const Part& item : part.Items("normalizers")) Add(item);
    return;
  }
  Step step;
  if (const auto it = forms.find(type); it != forms.end()) {
    step.kind = Step::kForm;
    step.form = it->second;
  } else if (type == "Lowercase") {
    step.kind = Step::kLowercase;
  } else if (type == "Strip") {
    step.kind = Step::kStrip;
    step.left = part.Bool("strip_left", true);
    step.right = part.Bool("strip_right", true);
  } else if (type == "Prepend") {
    step.kind = Step::kPrepend;
    step.prefix = part.String("prepend");
  } else if (type == "Replace") {
    step.kind = Step::kReplace;
    step.replacement.emplace(part);
  } else {
    part.Unsupported("type");
  }
  steps_.push_back(std::move(step));
}

bool Normalizer::Keeps(std::string_view text) const {
  if (steps_.empty()) return true;
  return steps_.size() == 1 && steps_[0].kind == Step::kForm &&
         unicode::IsUnchanged(text, steps_[0].form);
}

std::string Normalizer::Apply(std::string text) const {
  for (const Step& step : steps_) ApplyStep(step, &text);
  return text;
}

void Normalizer::ApplyStep(const Step& step, std::string* text) {
  if (text->empty()) return;
  switch (step.kind) {
    case Step::kForm:
      *text = unicode::Normalize(*text, step.form);
      break;
    case Step::kLowercase:
      *text = unicode::Lowercase(*text);
      break;
    case Step::kStrip:
      *text = std::string(Stripped(*text, step.left, step.right));
      break;
    case Step::kPrepend:
      text->insert(0, step.prefix);
      break;
    case Step::kReplace:
      *text = step.replacement->Apply(*text);
      break;
  }
}

}  // namespace rlvr
