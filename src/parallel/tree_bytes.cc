#include "parallel/tree_bytes.h"

namespace rlvr {
namespace {

// The one list of what is sent, for writing and reading; a field that it lacks would differ between
// ranks (TreeBytes.KeepsEveryField).
template <class Tree, class Visit>
void VisitHead(Tree& tree, Visit visit) {
  visit(tree.prompt_index);
  visit(tree.occurrence);
  visit(tree.data_source);
  visit(tree.family);
}

template <class Segment, class Visit>
void VisitSegment(Segment& s, Visit visit) {
  visit(s.parent);
  visit(s.author);
  visit(s.tokens);
  visit(s.logp);
  visit(s.entropy);
  visit(s.sampler_logp);
  visit(s.sample);
  visit(s.value);
  visit(s.outcome.reward);
  visit(s.outcome.illocution);
  visit(s.outcome.strategy);
  visit(s.outcome.right);
}

template <class Leaf, class Visit>
void VisitLeaf(Leaf& l, Visit visit) {
  visit(l.segment);
  visit(l.finish);
  visit(l.verdict);
  visit(l.answer);
  visit(l.score);
  visit(l.reward);
  visit(l.prefix);
}

struct Writer {
  ByteWriter* out;
  template <class T>
  void operator()(const T& value) const {
    out->Put(value);
  }
};

struct Reader {
  ByteReader* in;
  template <class T>
  void operator()(T& value) const {
    value = in->Get<T>();
  }
  template <class T>
  void operator()(std::vector<T>& values) const {
    values = in->GetVector<T>();
  }
};

}  // namespace

void PutTree(const Tree& tree, ByteWriter* out) {
  const Writer write{out};
  VisitHead(tree, write);
  out->Put(static_cast<uint64_t>(tree.segments.size()));
  for (const Segment& s : tree.segments) VisitSegment(s, write);
  out->Put(static_cast<uint64_t>(tree.leaves.size()));
  for (const Leaf& l : tree.leaves) VisitLeaf(l, write);
}

Tree GetTree(ByteReader* in) {
  const Reader read{in};
  Tree tree;
  VisitHead(tree, read);
  for (auto n = in->Get<uint64_t>(); n > 0; --n) VisitSegment(tree.segments.emplace_back(), read);
  for (auto n = in->Get<uint64_t>(); n > 0; --n) VisitLeaf(tree.leaves.emplace_back(), read);
  return tree;
}

}  // namespace rlvr
