#include "verify/reward_term.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>
#include <type_traits>

#include "base/error.h"
#include "base/suggest.h"
#include "verify/rubric.h"
#include "verify/verify.h"

namespace rlvr {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// 1 for a right answer, else 0: for stacks with reward.correct = reward.wrong = 0.
class Accuracy : public RewardTerm {
 public:
  static constexpr const char *kName = "accuracy", *kSource = "",
                              *kDescription = "1 where the verifier says right, else 0";
  template <class Visitor>
  void Params(Visitor&) {}
  double operator()(const JudgedResponse& r) const override { return r.right ? 1 : 0; }
};

// arXiv:2502.03373, Sec. 3: of n tokens, with cos(n) = (1 + cos(pi n / max_tokens)) / 2,
//   right: right_long + (right_short - right_long) cos(n); wrong likewise; cut off: `exceeded`.
class CosineLength : public RewardTerm {
 public:
  static constexpr const char *kName = "cosine_length", *kSource = "arXiv:2502.03373",
                              *kDescription =
                                  "from one reward for short responses to another for long ones "
                                  "along a cosine, apart for right and wrong answers";
  template <class Visitor>
  void Params(Visitor& p) {
    p("right_short", right_short_, -kInfinity, kInfinity);
    p("right_long", right_long_, -kInfinity, kInfinity);
    p("wrong_short", wrong_short_, -kInfinity, kInfinity);
    p("wrong_long", wrong_long_, -kInfinity, kInfinity);
    p("exceeded", exceeded_, -kInfinity, kInfinity);
  }
  double operator()(const JudgedResponse& r) const override {
    if (r.truncated) return exceeded_;
    const double n = static_cast<double>(r.num_tokens) / static_cast<double>(r.max_tokens);
    const double share = (1 + std::cos(std::numbers::pi * n)) / 2;
    const double shortest = r.right ? right_short_ : wrong_short_,
                 longest = r.right ? right_long_ : wrong_long_;
    return longest + (shortest - longest) * share;
  }

 private:
  double right_short_ = 2, right_long_ = 1, wrong_short_ = -10, wrong_long_ = 0, exceeded_ = -10;
};

// 1 where every part occurs once and in order; without parts: where there is a final answer.
class Format : public RewardTerm {
 public:
  static constexpr const char *kName = "format", *kSource = "arXiv:2501.12948",
                              *kDescription =
                                  "1 where the parts occur once each in their order (without "
                                  "parts: where there is a final answer), else 0";
  template <class Visitor>
  void Params(Visitor& p) {
    p("parts", parts_);
  }
  double operator()(const JudgedResponse& r) const override {
    const bool met =
        parts_.empty() ? ExtractFinalAnswer(r.text).has_value() : HasPartsInOrder(r.text, parts_);
    return met ? 1 : 0;
  }

 private:
  std::vector<std::string> parts_;
};

// Nous, arXiv:2510.27410: H(before) - H(after) of a question about a task of independent slots. A
// question fixes the slot that it names first; so its gain is that slot's entropy. The paper's task
// space and answering user are not here: extra_info gives the slots.
class InformationGain : public RewardTerm {
 public:
  static constexpr const char *kName = "information_gain", *kSource = "arXiv:2510.27410",
                              *kDescription =
                                  "entropy (nats) of the slot of extra_info.slots that the "
                                  "response's final answer, else the response, names first";
  template <class Visitor>
  void Params(Visitor& p) {
    p("normalize", normalize_);
  }
  double operator()(const JudgedResponse& r) const override {
    const auto info = nlohmann::json::parse(r.extra_info, nullptr, false);
    if (!info.is_object() || !info.contains("slots") || !info["slots"].is_object()) {
      throw Error(r.place, "extra_info has no slots, which information_gain needs",
                  R"(write "slots": {"color": 4, "size": [0.5, 0.25, 0.25]})");
    }
    const auto answer = ExtractFinalAnswer(r.text);
    const std::string text = Lower(answer ? std::string_view(*answer) : r.text);
    double gain = 0, total = 0;
    size_t first = std::string::npos;
    for (const auto& [name, values] : info["slots"].items()) {
      const double entropy = Entropy(values, r.place);
      total += entropy;
      const size_t at = text.find(Lower(name));
      if (at >= first) continue;
      first = at;
      gain = entropy;
    }
    return normalize_ && total > 0 ? gain / total : gain;
  }

 private:
  // values: how many there are, all equally likely; or the probability of each.
  static double Entropy(const nlohmann::json& values, const std::string& place) {
    if (values.is_number() && values.get<double>() >= 1) return std::log(values.get<double>());
    double entropy = 0, sum = 0;
    for (const auto& value : values.is_array() ? values : nlohmann::json::array()) {
      const double p = value.is_number() ? value.get<double>() : -1;
      if (p < 0) break;
      sum += p;
      if (p > 0) entropy -= p * std::log(p);
    }
    if (!(std::abs(sum - 1) < 1e-6)) {
      throw Error(place, "a slot is neither a number of values nor probabilities that sum to 1",
                  "mend extra_info.slots");
    }
    return entropy;
  }
  bool normalize_ = false;
};

// L1, arXiv:2503.04697: exact  -alpha |target - n|;  max  right clip(alpha (target - n) + delta, 0,
// 1), which is the whole reward there (reward.correct = reward.wrong = 0).
class Length : public RewardTerm {
 public:
  static constexpr const char *kName = "length", *kSource = "arXiv:2503.04697",
                              *kDescription =
                                  "distance to a target number of tokens: exact (a penalty), or "
                                  "max (right answers, less for longer ones)";
  template <class Visitor>
  void Params(Visitor& p) {
    p("target", target_, int64_t{0}, int64_t{1} << 40);
    p("mode", mode_, std::vector<std::string>{"exact", "max"});
    p("alpha", alpha_, 0.0, kInfinity);
    p("delta", delta_, -kInfinity, kInfinity);
  }
  double operator()(const JudgedResponse& r) const override {
    const auto left = static_cast<double>(target_ - r.num_tokens);
    if (mode_ == "exact") return -alpha_ * std::abs(left);
    return r.right ? std::clamp(alpha_ * left + delta_, 0.0, 1.0) : 0;
  }

 private:
  int64_t target_ = 64;
  std::string mode_ = "exact";
  double alpha_ = 3e-4, delta_ = 0.5;
};

// -(1 - distinct / all) of the response's n-grams of words, in lower case; 0 without any.
class Repetition : public RewardTerm {
 public:
  static constexpr const char *kName = "repetition", *kSource = "",
                              *kDescription =
                                  "minus the share of word n-grams that were there before";
  template <class Visitor>
  void Params(Visitor& p) {
    p("n", n_, 1, 1000);
  }
  double operator()(const JudgedResponse& r) const override {
    const std::string text = Lower(r.text);
    std::vector<std::string_view> words;
    for (size_t at = 0; at < text.size();) {
      const size_t begin = text.find_first_not_of(" \t\r\n", at);
      if (begin == std::string::npos) break;
      at = std::min(text.find_first_of(" \t\r\n", begin), text.size());
      words.push_back(std::string_view(text).substr(begin, at - begin));
    }
    const auto n = static_cast<size_t>(n_);
    if (words.size() < n) return 0;
    std::set<std::vector<std::string_view>> distinct;
    const size_t all = words.size() - n + 1;
    for (size_t i = 0; i < all; ++i)
      distinct.emplace(words.begin() + static_cast<ptrdiff_t>(i),
                       words.begin() + static_cast<ptrdiff_t>(i + n));
    return static_cast<double>(distinct.size()) / static_cast<double>(all) - 1;
  }

 private:
  int n_ = 3;
};

// RGR-GRPO's reward, arXiv:2511.12344: the weighted share of the rubric's items that are met, by
// rules where the paper has a judge model.
//   sum_k w_k s_k / sum_k w_k,  w_k the item's weight times `factual` or `process` by its kind
class Rubric : public RewardTerm {
 public:
  static constexpr const char *kName = "rubric", *kSource = "arXiv:2511.12344",
                              *kDescription =
                                  "weighted share of the checks in extra_info.rubric that are met";
  template <class Visitor>
  void Params(Visitor& p) {
    p("factual", factual_, 0.0, kInfinity);
    p("process", process_, 0.0, kInfinity);
  }
  double operator()(const JudgedResponse& r) const override {
    double met = 0, all = 0;
    for (const RubricItem& item : ParseRubric(r.extra_info, r.place)) {
      const double weight = item.weight * (item.process ? process_ : factual_);
      all += weight;
      if (weight > 0 && Satisfied(item, r.text, r.num_tokens)) met += weight;
    }
    return all > 0 ? met / all : 0;
  }

 private:
  double factual_ = 1, process_ = 1;
};

template <class Body>
void ForEachTerm(const Body& body) {
  body(std::type_identity<Accuracy>());
  body(std::type_identity<CosineLength>());
  body(std::type_identity<Format>());
  body(std::type_identity<InformationGain>());
  body(std::type_identity<Length>());
  body(std::type_identity<Repetition>());
  body(std::type_identity<Rubric>());
}

ConfigNode Scalar(std::string text) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kScalar;
  node.scalar = std::move(text);
  return node;
}

// Writes the keys that the node lacks.
struct DefaultWriter {
  ConfigNode* out;
  template <class Value, class... Range>
  void operator()(const char* key, const Value& value, Range&&...) {
    if (out->Find(key) != nullptr) return;
    if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
      ConfigNode list;
      list.kind = ConfigNode::Kind::kList;
      for (const auto& item : value) list.items.push_back(Scalar(item));
      out->Set(key, std::move(list));
    } else {
      out->Set(key, Scalar(fmt::format("{}", value)));
    }
  }
};

std::string NameOf(const ConfigNode& item) {
  std::vector<std::string> names;
  for (const RewardTermInfo& info : RewardTerms()) names.push_back(info.name);
  const ConfigNode* name = item.Find("name");
  if (name == nullptr) throw Error(item.place, "a reward term has no name", DidYouMean("", names));
  if (std::find(names.begin(), names.end(), name->scalar) == names.end()) {
    throw Error(name->place.empty() ? item.place : name->place,
                "there is no reward term '" + name->scalar + "'", DidYouMean(name->scalar, names));
  }
  return name->scalar;
}

const std::vector<ConfigNode>& Items(const ConfigNode* node) {
  static const std::vector<ConfigNode> none;
  if (node == nullptr || node->kind == ConfigNode::Kind::kNull) return none;
  if (node->kind != ConfigNode::Kind::kList) {
    throw Error(node->place, "reward.terms is no list",
                "write terms: [{name: format, coefficient: 0.2}]");
  }
  return node->items;
}

}  // namespace

std::vector<WeightedTerm> MakeRewardTerms(const ConfigNode* node) {
  std::vector<WeightedTerm> terms;
  std::set<std::string> names;
  for (const ConfigNode& item : Items(node)) {
    WeightedTerm made;
    made.name = NameOf(item);
    if (!names.insert(made.name).second)
      throw Error(item.place, "the reward term '" + made.name + "' is there twice", "merge them");
    ConfigReader reader(&item, "reward.terms." + made.name);
    reader.Known("name");
    reader("coefficient", made.coefficient, -kInfinity, kInfinity);
    ForEachTerm([&]<class Term>(std::type_identity<Term>) {
      if (made.name != Term::kName) return;
      auto term = std::make_unique<Term>();
      term->Params(reader);
      made.term = std::move(term);
    });
    reader.Done();
    terms.push_back(std::move(made));
  }
  return terms;
}

ConfigNode ResolveRewardTerms(const ConfigNode* node) {
  ConfigNode out;
  out.kind = ConfigNode::Kind::kList;
  for (const ConfigNode& given : Items(node)) {
    ConfigNode item = given;
    const std::string name = NameOf(given);
    DefaultWriter writer{&item};
    writer("coefficient", 1);
    ForEachTerm([&]<class Term>(std::type_identity<Term>) {
      if (name == Term::kName) Term().Params(writer);
    });
    out.items.push_back(std::move(item));
  }
  return out;
}

const std::vector<RewardTermInfo>& RewardTerms() {
  static const std::vector<RewardTermInfo> list = [] {
    std::vector<RewardTermInfo> infos;
    ForEachTerm([&]<class Term>(std::type_identity<Term>) {
      infos.push_back({Term::kName, Term::kDescription, Term::kSource});
    });
    return infos;
  }();
  return list;
}

}  // namespace rlvr
