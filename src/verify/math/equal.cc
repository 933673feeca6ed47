#include "verify/math/equal.h"

#include <algorithm>
#include <map>

#include "verify/math/algebra.h"
#include "verify/math/value.h"

namespace rlvr::math {
namespace {

class Comparer {
 public:
  Comparer(const EqualityOptions& options, Work* work, std::string* why)
      : options_(options), work_(work), why_(why) {}

  bool Compare(Node gold, Node answer, bool outer) {
    work_->Spend(20);
    const bool gold_assigns = IsAssignment(gold), answer_assigns = IsAssignment(answer);
    const bool gold_equates = IsEquation(gold), answer_equates = IsEquation(answer);
    if (gold_assigns) Shorten(&gold);
    if (answer_assigns) Shorten(&answer);
    // x = 1 against 1: the form of the gold counts.
    if (answer_equates && !gold_equates) {
      answer = LastSide(answer);
    } else if (gold_assigns && !answer_equates) {
      gold = LastSide(gold);
    }
    if (ToString(gold) == ToString(answer)) return Say("the same after parsing", true);
    if (IsRelation(gold) && IsSet(answer)) return Sets(gold, answer, true);
    if (outer && options_.set_relation && IsSet(gold) && IsRelation(answer))
      return Sets(gold, answer, true);
    if (IsRelation(gold) && IsRelation(answer)) return Relations(gold, answer);
    if (IsRelation(gold) != IsRelation(answer)) return Say("a relation against none", false);
    const auto collection = [](const Node& n) { return IsSet(n) || n.Is(Kind::kTuple); };
    if (collection(gold) || collection(answer)) return Sets(gold, answer, false);
    if (gold.text || answer.text || Word(gold) || Word(answer)) {
      const bool equal = Name(gold) == Name(answer);
      if (gold.text || answer.text || equal)
        return Say(equal ? "the same word" : "not the same word", equal);
    }
    return Expressions(gold, answer);
  }

 private:
  bool Say(const char* text, bool result) {
    if (why_ != nullptr) *why_ = text;
    return result;
  }

  // a = b = c -> a = c
  static void Shorten(Node* n) {
    if (!n->Is(Kind::kChain)) return;
    Node left = n->kids.front().kids[0], right = n->kids.back().kids[1];
    *n = Relation("=", std::move(left), std::move(right));
  }
  static Node LastSide(const Node& n) {
    return n.Is(Kind::kChain) ? n.kids.back().kids[1] : n.kids[1];
  }

  // Letters in a row may be a word: $odd$ is parsed as o*d*d.
  static bool Word(const Node& n) {
    return n.Is(Kind::kSymbol) || n.Is(Kind::kE) || n.Is(Kind::kImaginary) ||
           (n.Is(Kind::kMul) && n.implicit);
  }
  static std::string Name(const Node& n) {
    if (!n.Is(Kind::kMul)) return Word(n) ? ToString(n) : "";
    std::string name;
    for (const Node& kid : n.kids) name += ToString(kid);
    return name;
  }

  bool Expressions(const Node& gold, const Node& answer) {
    Node a = WithMatricesComputed(gold, work_), b = WithMatricesComputed(answer, work_);
    if (a.Is(Kind::kMatrix) != b.Is(Kind::kMatrix)) {
      // A column or row against a point is decided where there are tuples.
      return Say("a matrix against none", false);
    }
    if (!a.Is(Kind::kMatrix)) return EqualExpressions(a, b, options_.rounding, work_, why_);
    if (a.rows != b.rows || a.kids.size() != b.kids.size())
      return Say("matrices of different sizes", false);
    for (size_t i = 0; i < a.kids.size(); ++i)
      if (!Compare(a.kids[i], b.kids[i], false)) return Say("an entry differs", false);
    return Say("every entry is equal", true);
  }

  // The elements, each once.
  std::vector<const Node*> Elements(const Node& n, bool set) {
    std::vector<const Node*> list;
    std::vector<std::string> seen;
    for (const Node& kid : n.kids) {
      if (set) {
        std::string text = ToString(kid);
        if (std::find(seen.begin(), seen.end(), text) != seen.end()) continue;
        seen.push_back(std::move(text));
      }
      list.push_back(&kid);
    }
    return list;
  }

  bool InOrder(const Node& gold, const Node& answer) {
    const auto a = Elements(gold, gold.Is(Kind::kSet)), b = Elements(answer, answer.Is(Kind::kSet));
    if (a.size() != b.size()) return Say("not as many elements", false);
    for (size_t i = 0; i < a.size(); ++i)
      if (!Compare(*a[i], *b[i], false)) return Say("an element differs", false);
    return Say("equal element by element", true);
  }

  bool InAnyOrder(const Node& gold, const Node& answer) {
    const auto a = Elements(gold, true), b = Elements(answer, true);
    if (a.size() != b.size()) return Say("not as many elements", false);
    if (a.size() > kMaxElements) return InOrder(gold, answer);
    std::vector<char> used(b.size(), 0);
    for (const Node* element : a) {
      size_t i = 0;
      while (i < b.size() && (used[i] || !Compare(*element, *b[i], false))) ++i;
      if (i == b.size()) return Say("an element of the gold is not in the answer", false);
      used[i] = 1;
    }
    return Say("the same elements", true);
  }

  bool Sets(Node gold, Node answer, bool relation) {
    const auto loose = [](const Node& n) {  // (1, 2) may be a point
      return n.Is(Kind::kInterval) && n.open_left && n.open_right;
    };
    if (!relation) {
      // One value is a set of one.
      const auto wrap = [](Node* n) {
        if (IsSet(*n) || n->Is(Kind::kTuple)) return;
        std::vector<Node> kids;
        kids.push_back(std::move(*n));
        *n = Make(Kind::kSet, std::move(kids));
      };
      wrap(&gold);
      wrap(&answer);
      if (gold.Is(Kind::kInterval) && answer.Is(Kind::kInterval)) {
        if (gold.open_left == answer.open_left && gold.open_right == answer.open_right)
          return InOrder(gold, answer);
        return Say("an end is open in one and closed in the other", false);
      }
      const auto listed = [&](const Node& n) { return n.Is(Kind::kSet) || n.Is(Kind::kTuple); };
      if ((listed(gold) || loose(gold)) && (listed(answer) || loose(answer))) {
        if (gold.Is(Kind::kSet)) {
          if (InAnyOrder(gold, answer)) return true;
        } else if (InOrder(gold, answer)) {
          return true;
        }
        if (!(IsSet(gold) && IsSet(answer))) return false;
      }
    }
    if (EqualAsRealSets(gold, answer, work_)) return Say("the same set of real numbers", true);
    return Say("not the same set", false);
  }

  static std::string Inverse(const std::string& name) {
    if (name[0] == '<') return ">" + name.substr(1);
    if (name[0] == '>') return "<" + name.substr(1);
    return name;
  }

  bool Relations(const Node& gold, const Node& answer) {
    if (gold.Is(Kind::kChain) != answer.Is(Kind::kChain))
      return Say("not as many relations", false);
    if (gold.Is(Kind::kChain)) {
      const size_t n = gold.kids.size();
      if (n != answer.kids.size()) return Say("not as many relations", false);
      bool same = true, reversed = true;
      for (size_t i = 0; i < n && same; ++i) same = Relations(gold.kids[i], answer.kids[i]);
      for (size_t i = 0; i < n && reversed && !same; ++i)
        reversed = Relations(gold.kids[i], answer.kids[n - 1 - i]);
      return Say(same || reversed ? "the same chain of relations" : "a relation differs",
                 same || reversed);
    }
    const bool as_is = gold.name == answer.name, inverse = Inverse(gold.name) == answer.name;
    if (as_is && Compare(gold.kids[0], answer.kids[0], false) &&
        Compare(gold.kids[1], answer.kids[1], false))
      return Say("both sides are equal", true);
    if (inverse && Compare(gold.kids[0], answer.kids[1], false) &&
        Compare(gold.kids[1], answer.kids[0], false))
      return Say("both sides are equal, exchanged", true);
    if (!as_is && !inverse) return Say("not the same kind of relation", false);
    const auto plain = [](const Node& n) {
      return !IsSet(n) && !n.Is(Kind::kTuple) && !IsRelation(n);
    };
    for (const Node* n : {&gold, &answer})
      if (!plain(n->kids[0]) || !plain(n->kids[1])) return Say("the sides differ", false);
    const Node a = Difference(gold.kids[0], gold.kids[1]),
               b = Difference(answer.kids[0], answer.kids[1]);
    const int sign = Proportional(a, b);
    if ((sign > 0 && as_is) || (sign < 0 && inverse))
      return Say("one is a multiple of the other", true);
    if (gold.name == "=" && as_is && HasVariables(a) && SameZeros(a, b, work_))
      return Say("the same solutions by exact algebra", true);
    return Say("not multiples of each other", false);
  }

  // The sign of b / a if that is one real number at every random point; 0: it is not.
  int Proportional(const Node& a, const Node& b) {
    if (!HasVariables(a) || !HasVariables(b)) return 0;
    std::optional<Ball> ratio;
    for (int point = 0; point < kNumPoints; ++point) {
      const auto u = ValueAt(a, point, work_), v = ValueAt(b, point, work_);
      if (!u || !v || acb_contains_zero(u->get()) || acb_contains_zero(v->get())) return 0;
      Ball r;
      acb_div(r.get(), v->get(), u->get(), kPrecision);
      if (ratio && !acb_overlaps(r.get(), ratio->get())) return 0;
      ratio = r;
    }
    if (!arb_contains_zero(acb_imagref(ratio->get()))) return 0;
    return arb_is_positive(acb_realref(ratio->get())) ? 1 : -1;
  }

  const EqualityOptions& options_;
  Work* work_;
  std::string* why_;
};

// The names of variables in the order of their first use.
void Variables(const Node& n, std::vector<std::string>* names) {
  if (n.Is(Kind::kSymbol) && std::find(names->begin(), names->end(), n.name) == names->end())
    names->push_back(n.name);
  for (const Node& kid : n.kids) Variables(kid, names);
}

void Rename(Node* n, const std::map<std::string, std::string>& names) {
  if (const auto it = names.find(n->name); n->Is(Kind::kSymbol) && it != names.end())
    n->name = it->second;
  for (Node& kid : n->kids) Rename(&kid, names);
}

}  // namespace

bool Equal(const Node& gold, const Node& answer, const EqualityOptions& options, Work* work,
           std::string* why) {
  Comparer comparer(options, work, why);
  if (!options.strict) {
    std::vector<std::string> a, b;
    Variables(gold, &a);
    Variables(answer, &b);
    if (a.size() == b.size()) {
      std::map<std::string, std::string> names;
      for (size_t i = 0; i < a.size(); ++i) names[b[i]] = a[i];
      Node renamed = answer;
      Rename(&renamed, names);
      return comparer.Compare(gold, renamed, true);
    }
  }
  return comparer.Compare(gold, answer, true);
}

}  // namespace rlvr::math
