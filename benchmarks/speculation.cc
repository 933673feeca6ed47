// Speculative decoding on a second epoch: every prompt's responses of the first epoch are stored,
// then the same prompts are sampled again with new random numbers, 1, 2, 4, 8 and 64 sequences at a time,
// with and without drafts in turn. Prints medians of tokens per second and their ratio, and fails
// where one bit of a tree differs.
//   speculation MODEL [LATER_MODEL] [SEQUENCES ...] [--groups N] [--repeats N] [--max-draft N] [--always]
//               [--temperature T] [--tokens N]
// LATER_MODEL samples the second epoch: the policy after some steps of training. --groups: prompts
// of each measurement at 8 sequences or fewer; eight times as many at more. --always: as many drafts
// as there are, instead of those that are measured to pay. --temperature 0: every draft from the
// first epoch is right, so that what remains is what rows cost.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/data.h"
#include "eval/eval.h"
#include "eval/policy.h"

namespace {

using namespace rlvr;

std::vector<RolloutRequest> Epoch(const Policy& policy, const PromptSource& prompts, int64_t groups,
                                  uint64_t step) {
  std::vector<RolloutRequest> requests;
  for (int64_t i = 0; i < groups; ++i) {
    RolloutRequest r;
    r.tree.prompt_index = i;
    r.tree.segments.push_back({.tokens = EncodePrompt(*policy.tokenizer, prompts.Get(i))});
    r.num_samples = 16;
    r.key = StreamKey(1, Stream::kRollout)[step][static_cast<uint64_t>(i)];
    requests.push_back(std::move(r));
  }
  return requests;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool Same(const std::vector<Tree>& a, const std::vector<Tree>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].segments.size() != b[i].segments.size()) return false;
    for (size_t s = 0; s < a[i].segments.size(); ++s) {
      const Segment &x = a[i].segments[s], &y = b[i].segments[s];
      if (x.tokens != y.tokens || !SameBits(x.logp, y.logp) || !SameBits(x.entropy, y.entropy))
        return false;
    }
    for (size_t l = 0; l < a[i].leaves.size(); ++l) {
      if (a[i].leaves[l].finish != b[i].leaves[l].finish) return false;
    }
  }
  return true;
}

double Median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.size() % 2 == 1 ? v[v.size() / 2] : (v[v.size() / 2 - 1] + v[v.size() / 2]) / 2;
}

struct Settings {
  std::vector<std::string> models;
  std::vector<int64_t> sequences;
  int64_t groups = 4, repeats = 5;
  int max_draft = 8;
  int64_t tokens = 96;  // of a response, at most; as in recipes/quickstart.yaml
  double temperature = 1;
  std::string speculation = "auto";
};

void Measure(const Policy& first, const Policy& later, const PromptSource& prompts,
             const Settings& settings, int64_t sequences) {
  const int64_t groups = sequences > 8 ? 8 * settings.groups : settings.groups;
  RolloutOptions options;
  options.max_tokens = settings.tokens;
  options.sampling.temperature = static_cast<float>(settings.temperature);
  options.max_sequences = sequences;
  options.speculation.max_draft = settings.max_draft;
  std::vector<double> speed[2], ratios;  // without, with
  RolloutStats drafted;
  for (int64_t r = 0; r < settings.repeats; ++r) {
    Speculation kept;
    options.drafts = &kept;
    options.speculation.name = "auto";
    Rollout(*first.model, *first.tokenizer, options, Epoch(first, prompts, groups, 1));
    std::vector<Tree> trees[2];
    double tokens_per_s[2];
    for (int64_t turn = 0; turn < 2; ++turn) {
      const auto with = static_cast<size_t>((turn + r) % 2);
      options.speculation.name = with == 1 ? settings.speculation : "none";
      RolloutStats stats;
      const auto start = std::chrono::steady_clock::now();
      trees[with] = Rollout(*later.model, *later.tokenizer, options,
                            Epoch(later, prompts, groups, static_cast<uint64_t>(2 + r)), &stats);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      tokens_per_s[with] = static_cast<double>(stats.sampled_tokens) / seconds.count();
      speed[with].push_back(tokens_per_s[with]);
      if (with == 0) continue;
      drafted.sampled_tokens += stats.sampled_tokens;
      drafted.draft_tokens += stats.draft_tokens;
      drafted.accepted_tokens += stats.accepted_tokens;
      drafted.decoded_sequences += stats.decoded_sequences;
    }
    if (!Same(trees[0], trees[1])) throw Error("speculation", "changed a sample", "report a bug");
    ratios.push_back(tokens_per_s[1] / tokens_per_s[0]);
  }
  std::printf("| %4lld | %8.0f | %8.0f | %5.2f | %5.2f .. %4.2f | %4.2f | %4.2f |\n",
              static_cast<long long>(sequences), Median(speed[0]), Median(speed[1]), Median(ratios),
              *std::min_element(ratios.begin(), ratios.end()),
              *std::max_element(ratios.begin(), ratios.end()),
              static_cast<double>(drafted.accepted_tokens) /
                  static_cast<double>(std::max<int64_t>(1, drafted.draft_tokens)),
              1 + static_cast<double>(drafted.accepted_tokens) /
                      static_cast<double>(std::max<int64_t>(1, drafted.decoded_sequences)));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const bool more = i + 1 < argc;
    if (arg == "--groups" && more) {
      settings.groups = std::stoll(argv[++i]);
    } else if (arg == "--repeats" && more) {
      settings.repeats = std::stoll(argv[++i]);
    } else if (arg == "--max-draft" && more) {
      settings.max_draft = std::stoi(argv[++i]);
    } else if (arg == "--temperature" && more) {
      settings.temperature = std::stod(argv[++i]);
    } else if (arg == "--tokens" && more) {
      settings.tokens = std::stoll(argv[++i]);
    } else if (arg == "--always") {
      settings.speculation = "always";
    } else if (arg.find_first_not_of("0123456789") == std::string::npos) {
      settings.sequences.push_back(std::stoll(arg));
    } else {
      settings.models.push_back(arg);
    }
  }
  if (settings.sequences.empty()) settings.sequences = {1, 2, 4, 8, 64};
  if (settings.models.empty() || settings.models.size() > 2) {
    std::fprintf(stderr, "usage: speculation MODEL [LATER_MODEL] [SEQUENCES ...]\n");
    return 2;
  }
  try {
    const Policy first = LoadPolicy(settings.models.front(), ComputeType::kBf16, false);
    const Policy later = LoadPolicy(settings.models.back(), ComputeType::kBf16, false);
    const auto prompts = OpenPrompts("gsm_micro", Split::kTrain, 1);
    std::printf("| sequences | tokens/s without | with | ratio | range | accepted | length |\n");
    std::printf("|---|---|---|---|---|---|---|\n");
    for (const int64_t n : settings.sequences) Measure(first, later, *prompts, settings, n);
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
