// The reward of contains_answer.py as a shared object:
//   g++ -std=c++20 -shared -fPIC -I src examples/rewards/contains_answer.cc -o contains_answer.so
#include <algorithm>
#include <sstream>

#include "verify/plugin/reward_plugin.h"

class ContainsAnswer : public rlvr_plugin::Reward {
 public:
  explicit ContainsAnswer(const std::string& options)
      : most_words_(options.empty() ? 100 : std::stoi(options)) {}

  rlvr_plugin::Reply Judge(const rlvr_plugin::Request& r) const override {
    std::istringstream text{std::string(r.response)};
    int words = 0;
    for (std::string word; text >> word;) ++words;
    rlvr_plugin::Reply reply;
    reply.metrics = {{"words", words}};
    if (r.response.find(r.ground_truth) == std::string_view::npos) return reply;
    reply.verdict = RLVR_RIGHT;
    reply.answer = r.ground_truth;
    reply.score = 1 - std::min(words, most_words_) / (2.0 * most_words_);
    return reply;
  }

 private:
  int most_words_;
};

RLVR_REWARD_PLUGIN(ContainsAnswer)
