#include "base/random.h"

#include <cmath>

#include "base/error.h"

namespace rlvr {

std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

namespace {
// `purpose` keeps keys of children apart from numbers drawn at the same node.
uint64_t Draw(uint64_t key, uint64_t position, uint32_t purpose) {
  const auto r =
      Philox({static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), purpose, 0},
             {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
  return (uint64_t{r[1]} << 32) | r[0];
}
}  // namespace

RandomKey RandomKey::operator[](uint64_t child) const { return RandomKey(Draw(key_, child, 1)); }
uint64_t RandomKey::Bits(uint64_t position) const { return Draw(key_, position, 0); }
double RandomKey::Uniform(uint64_t position) const {
  return static_cast<double>(Bits(position) >> 11) * 0x1.0p-53;
}

int64_t Random::Int(int64_t low, int64_t high) {
  RLVR_CHECK(low <= high) << low << " > " << high;
  const uint64_t range = static_cast<uint64_t>(high - low) + 1;
  if (range == 0) return static_cast<int64_t>(Bits());
  // Rejection, so that every value is equally likely.
  const uint64_t limit = UINT64_MAX - UINT64_MAX % range;
  uint64_t bits = Bits();
  while (bits >= limit) bits = Bits();
  return low + static_cast<int64_t>(bits % range);
}

double Random::Normal() {
  const double u = 1.0 - Uniform();  // in (0, 1]
  const double v = Uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * M_PI * v);
}

}  // namespace rlvr
