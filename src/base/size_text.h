// Bytes as people write them.
#ifndef RLVR_BASE_SIZE_TEXT_H_
#define RLVR_BASE_SIZE_TEXT_H_
#include <cstdint>
#include <optional>
#include <string>

namespace rlvr {
std::string SizeText(int64_t bytes);  // "100 KiB", "500 MiB", "1.5 GiB"
inline double Gib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }
// A number and a unit by powers of 1,024, as in 2GiB, 1.5 g, 500MB, 4096: k, m, g or t, each alone or
// with b, i or ib, of either case; without one bytes. Nothing where it is not that, or not above 0.
std::optional<int64_t> ParseSize(const std::string& text);
}  // namespace rlvr
#endif  // RLVR_BASE_SIZE_TEXT_H_
