// Are the log-probs and entropies that sampling recorded those of the training forward pass, bit
// for bit?
#ifndef RLVR_EVAL_ON_POLICY_CHECK_H_
#define RLVR_EVAL_ON_POLICY_CHECK_H_
#include <string>
#include <vector>

#include "model/model.h"
#include "text/tokenizer.h"

namespace rlvr {

struct OnPolicyReport {
  struct Row {
    ComputeType compute = ComputeType::kFp32;
    int64_t batch_size = 0;  // sequences decoded together
    int threads = 0;
    bool shared_prompts =
        false;  // a group as one tree, or each sample packed with a prompt of its own
    int64_t tokens = 0, mismatches = 0;
    // With weights in 8 bits, which are another policy: from its log-probs and probabilities to those
    // of the policy that trains.
    bool int8 = false;
    double logp_abs_diff = 0, probs_diff_max = 0;  // mean, largest
  };
  std::vector<Row> rows;
};

// Samples responses to gsm_micro prompts with batch sizes 1, 7, 64 and 1 and 2 threads, in fp32 and
// bf16, and compares every token's log-prob and entropy with the packed training forward. Sets the
// number of threads back when done. int8: the policy that samples is Model::sampler(), whose decoding
// is compared with its own packed forward, and then with the policy that trains.
OnPolicyReport CheckOnPolicy(const std::string& model_folder, bool int8 = false);
// The same for one model in memory, in its own compute type; its sampler samples, if it has one.
void CheckOnPolicy(const Model& model, const Tokenizer& tokenizer, int64_t max_tokens,
                   OnPolicyReport* report);

}  // namespace rlvr
#endif  // RLVR_EVAL_ON_POLICY_CHECK_H_
