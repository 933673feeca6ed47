// Products in 8 bits, in plain loops (gemm_int8.h).
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/gemm_int8.h"

namespace rlvr::ref {

float QuantizeInt8(const float* v, int64_t n, int8_t* q) {
  float a = 0;
  bool finite = true;
  for (int64_t i = 0; i < n; ++i) {
    finite = finite && std::isfinite(v[i]);
    a = std::fmax(a, std::fabs(v[i]));
  }
  if (!finite || a < kInt8Smallest) {
    for (int64_t i = 0; i < n; ++i) q[i] = 0;
    return finite ? 0 : std::numeric_limits<float>::quiet_NaN();
  }
  const float inverse = 127.0f / a;
  for (int64_t i = 0; i < n; ++i) q[i] = static_cast<int8_t>(std::nearbyint(v[i] * inverse));
  return a / 127.0f;
}

void MatMulInt8(View<const float> x, View<const float> w, View<float> y, Epilogue epilogue) {
  RLVR_CHECK(x.cols == w.cols && y.rows == x.rows && y.cols == w.rows && x.cols <= kInt8MaxInputs);
  const int64_t K = x.cols;
  std::vector<int8_t> qx(static_cast<size_t>(K)), qw(static_cast<size_t>(w.rows * K));
  std::vector<float> sw;
  for (int64_t n = 0; n < w.rows; ++n) sw.push_back(QuantizeInt8(w.row(n), K, qw.data() + n * K));
  for (int64_t m = 0; m < x.rows; ++m) {
    const float sx = QuantizeInt8(x.row(m), K, qx.data());
    for (int64_t n = 0; n < w.rows; ++n) {
      int32_t sum = 0;
      for (int64_t k = 0; k < K; ++k)
        sum += int32_t{qx[static_cast<size_t>(k)]} * qw[static_cast<size_t>(n * K + k)];
      const float product = static_cast<float>(sum) * (sx * sw[static_cast<size_t>(n)]);
      y(m, n) = epilogue == Epilogue::kAdd ? y(m, n) + product : product;
    }
  }
}

}  // namespace rlvr::ref
