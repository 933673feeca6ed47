// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC'11). A value depends only on the
// key it was drawn with, never on what was drawn before, so a sample does not depend on its
// neighbours.
#ifndef RLVR_BASE_RANDOM_H_
#define RLVR_BASE_RANDOM_H_
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace rlvr {

// Philox4x32-10: 128-bit counter, 64-bit key -> 128 random bits.
std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A node in a tree of keys: RandomKey(seed)[stream][step][prompt][sample]; leaves give numbers by
// position: key.Uniform(t).
class RandomKey {
 public:
  explicit RandomKey(uint64_t seed) : key_(seed) {}
  RandomKey operator[](uint64_t child) const;
  uint64_t Bits(uint64_t position) const;
  double Uniform(uint64_t position) const;  // in [0, 1), 53 bits
  uint64_t value() const { return key_; }

 private:
  uint64_t key_;
};

// The streams of a run: first child of RandomKey(seed).
enum class Stream : uint64_t {
  kInit = 1,
  kData = 2,
  kRollout = 3,
  kEval = 4,
  kShuffle = 5,
  kGenerate = 6,
  kObjective = 7,
  kReplay = 8
};
inline RandomKey StreamKey(uint64_t seed, Stream s) {
  return RandomKey(seed)[static_cast<uint64_t>(s)];
}

// A sequence of numbers from one key, for generators that need an unknown count of draws.
class Random {
 public:
  explicit Random(RandomKey key) : key_(key) {}
  uint64_t Bits() { return key_.Bits(position_++); }
  double Uniform() { return key_.Uniform(position_++); }
  int64_t Int(int64_t low, int64_t high);  // uniform in [low, high], both included; high >= low
  double Normal();                         // mean 0, variance 1
  template <class T>
  const T& Choice(const std::vector<T>& v) {
    return v[Int(0, static_cast<int64_t>(v.size()) - 1)];
  }
  template <class T>
  void Shuffle(std::vector<T>& v) {
    for (int64_t i = static_cast<int64_t>(v.size()) - 1; i > 0; --i) std::swap(v[i], v[Int(0, i)]);
  }

 private:
  RandomKey key_;
  uint64_t position_ = 0;
};

}  // namespace rlvr
#endif  // RLVR_BASE_RANDOM_H_
