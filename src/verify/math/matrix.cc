// Arithmetic of matrices of trees.
#include <algorithm>

#include "verify/math/equal.h"

namespace rlvr::math {
namespace {

constexpr int kMaxDeterminant = 4;

int Columns(const Node& m) { return static_cast<int>(m.kids.size()) / m.rows; }

Node Matrix(int rows, std::vector<Node> kids) {
  Node m = Make(Kind::kMatrix, std::move(kids));
  m.rows = rows;
  return m;
}

Node Product(const Node& a, const Node& b) {
  const int inner = Columns(a), columns = Columns(b);
  std::vector<Node> kids;
  for (int i = 0; i < a.rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      std::vector<Node> terms;
      for (int k = 0; k < inner; ++k) {
        std::vector<Node> factors;
        factors.push_back(a.kids[static_cast<size_t>(i * inner + k)]);
        factors.push_back(b.kids[static_cast<size_t>(k * columns + j)]);
        terms.push_back(Make(Kind::kMul, std::move(factors)));
      }
      kids.push_back(Make(Kind::kAdd, std::move(terms)));
    }
  }
  return Matrix(a.rows, std::move(kids));
}

Node Determinant(const Node& m) {
  const int n = m.rows;
  if (n == 1) return m.kids[0];
  std::vector<Node> terms;
  for (int column = 0; column < n; ++column) {
    std::vector<Node> minor;
    for (int i = 1; i < n; ++i)
      for (int j = 0; j < n; ++j)
        if (j != column) minor.push_back(m.kids[static_cast<size_t>(i * n + j)]);
    std::vector<Node> factors;
    factors.push_back(m.kids[static_cast<size_t>(column)]);
    factors.push_back(Determinant(Matrix(n - 1, std::move(minor))));
    Node term = Make(Kind::kMul, std::move(factors));
    terms.push_back(column % 2 == 0 ? std::move(term) : Negated(std::move(term)));
  }
  return Make(Kind::kAdd, std::move(terms));
}

Node AddMatrices(const std::vector<Node>& kids) {
  Node sum = kids[0];
  for (size_t k = 1; k < kids.size(); ++k)
    for (size_t i = 0; i < sum.kids.size(); ++i)
      sum.kids[i] = Sum(std::move(sum.kids[i]), kids[k].kids[i]);
  return sum;
}

bool HasMatrix(const Node& n) {
  return Any(n, [](const Node& k) { return k.Is(Kind::kMatrix); });
}

}  // namespace

Node WithMatricesComputed(const Node& node, Work* work) {
  work->Spend(1);
  if (!HasMatrix(node)) return node;
  Node n = node;
  for (Node& kid : n.kids) kid = WithMatricesComputed(kid, work);
  const auto matrix = [](const Node& k) { return k.Is(Kind::kMatrix); };
  if (n.Is(Kind::kAdd) && std::all_of(n.kids.begin(), n.kids.end(), [&](const Node& k) {
        return matrix(k) && k.rows == n.kids[0].rows && k.kids.size() == n.kids[0].kids.size();
      })) {
    work->Spend(static_cast<int64_t>(n.kids.size() * kMaxMatrix));
    return AddMatrices(n.kids);
  }
  if (n.Is(Kind::kMul) && std::any_of(n.kids.begin(), n.kids.end(), matrix)) {
    std::vector<Node> scalars;
    std::optional<Node> product;
    for (Node& kid : n.kids) {
      if (!matrix(kid)) {
        scalars.push_back(std::move(kid));
      } else if (!product) {
        product = std::move(kid);
      } else {
        if (Columns(*product) != kid.rows) return node;
        const size_t cost = product->kids.size() * kid.kids.size();
        work->Spend(static_cast<int64_t>(cost) * 10);
        product = Product(*product, kid);
        // Entries grow with every product: nobody multiplies many in an answer.
        if (ToString(*product).size() > 20000) throw OutOfWork();
      }
    }
    if (!scalars.empty()) {
      const Node factor =
          scalars.size() == 1 ? std::move(scalars[0]) : Make(Kind::kMul, std::move(scalars));
      for (Node& entry : product->kids) {
        std::vector<Node> factors;
        factors.push_back(factor);
        factors.push_back(std::move(entry));
        entry = Make(Kind::kMul, std::move(factors));
      }
    }
    return std::move(*product);
  }
  if (n.Is(Kind::kCall) && n.kids.size() == 1 && matrix(n.kids[0])) {
    const Node& m = n.kids[0];
    if (n.name == "transpose") {
      std::vector<Node> kids;
      const int columns = Columns(m);
      for (int j = 0; j < columns; ++j)
        for (int i = 0; i < m.rows; ++i)
          kids.push_back(m.kids[static_cast<size_t>(i * columns + j)]);
      return Matrix(columns, std::move(kids));
    }
    if (n.name == "det" && m.rows == Columns(m) && m.rows <= kMaxDeterminant) {
      work->Spend(2000);
      return Determinant(m);
    }
  }
  if (n.Is(Kind::kPow) && matrix(n.kids[0]) && n.kids[1].Is(Kind::kNumber)) {
    const auto exponent = n.kids[1].value.SmallInteger(3);
    const Node& m = n.kids[0];
    if (exponent && *exponent >= 1 && m.rows == Columns(m)) {
      Node power = m;
      for (int64_t i = 1; i < *exponent; ++i) {
        work->Spend(static_cast<int64_t>(m.kids.size() * m.kids.size()) * 10);
        power = Product(power, m);
        if (ToString(power).size() > 20000) throw OutOfWork();
      }
      return power;
    }
  }
  return n;
}

}  // namespace rlvr::math
