// What the forms of gsm_micro share: names, things, steps, splits, slips. For src/data alone.
#ifndef RLVR_DATA_GSM_MICRO_PARTS_H_
#define RLVR_DATA_GSM_MICRO_PARTS_H_
#include <cstdint>
#include <string>
#include <vector>

#include "data/gsm_micro.h"

namespace rlvr {

inline constexpr int64_t kMaxGsmMicroValue = 99;  // of any quantity on the way: two digits at most

const std::vector<std::string>& GsmMicroNames();
const std::vector<std::string>& GsmMicroItems();
// A step from `value` that stays in [1, kMaxGsmMicroValue]; divisions come out even.
GsmMicroStep DrawGsmMicroStep(int64_t value, Random& random);
// min_steps to max_steps of them; steps[0].left is the start.
std::vector<GsmMicroStep> DrawGsmMicroChain(const GsmMicroOptions& options, Random& random);
// A problem's mathematics, whatever its words: decides the split, so that no training problem is a
// test problem with other names.
Split GsmMicroSplit(const std::vector<GsmMicroStep>& steps);
std::string DrawOther(const std::vector<std::string>& choices, const std::string& than,
                      Random& random);
// A sentence with a number that does not matter.
std::string SayGsmMicroDistractor(int64_t n, const std::string& owner, const std::string& other,
                                  const std::string& other_item, Random& random);
int64_t ApplyGsmMicro(int64_t left, char op, int64_t right);  // clamped to [0, kMaxGsmMicroValue]
// A wrong number near the right one: what a slip looks like.
int64_t GsmMicroSlip(int64_t value, Random& random);

}  // namespace rlvr
#endif  // RLVR_DATA_GSM_MICRO_PARTS_H_
