// A reward of one's own in C++ (or C): a shared object that rlvr loads (reward.plugin). This header is
// all that it needs, it includes nothing of rlvr. The interface is plain C, so that the compiler and
// its version need not be those of rlvr. docs/own_reward.md has an example.
//
// The object shares rlvr's process: a crash of it is a crash of the run. What is not trusted so far
// belongs into a process (reward.process).
#ifndef RLVR_VERIFY_PLUGIN_REWARD_PLUGIN_H_
#define RLVR_VERIFY_PLUGIN_REWARD_PLUGIN_H_
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RLVR_REWARD_PLUGIN_VERSION 1
#define RLVR_REWARD_PLUGIN_TEXT 256
#define RLVR_REWARD_PLUGIN_METRICS 16

// Not ended by a zero byte; lives as long as the call.
struct rlvr_text {
  const char* data;
  size_t size;
};

struct rlvr_reward_request {
  const struct rlvr_text* roles;  // of the prompt's messages [num_messages]
  const struct rlvr_text* contents;
  size_t num_messages;
  struct rlvr_text response, ground_truth, data_source, extra_info;  // extra_info: JSON
};

enum rlvr_verdict { RLVR_RIGHT, RLVR_WRONG, RLVR_TIMED_OUT, RLVR_BROKEN };

// Zeros when judge gets it. Texts end in a zero byte.
struct rlvr_reward_reply {
  int32_t verdict;  // rlvr_verdict
  double score;
  char answer[RLVR_REWARD_PLUGIN_TEXT], reason[RLVR_REWARD_PLUGIN_TEXT];
  int32_t num_metrics;
  struct {
    char name[64];
    double value;
  } metrics[RLVR_REWARD_PLUGIN_METRICS];
};

struct rlvr_reward_plugin {
  uint32_t version;  // RLVR_REWARD_PLUGIN_VERSION
  // The recipe's reward.plugin.options -> an object; null: it cannot be made, and `error` (256 bytes)
  // says why.
  void* (*make)(const char* options, char* error);
  // From several threads at once.
  void (*judge)(void* object, const struct rlvr_reward_request* request,
                struct rlvr_reward_reply* reply);
  void (*destroy)(void* object);
};

// What the shared object exports.
const struct rlvr_reward_plugin* rlvr_reward_plugin_entry(void);

#ifdef __cplusplus
}  // extern "C"

#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The same for C++: derive from rlvr_plugin::Reward, and name the class once in RLVR_REWARD_PLUGIN.
namespace rlvr_plugin {

struct Request {
  std::vector<std::pair<std::string_view, std::string_view>> messages;  // role, content
  std::string_view response, ground_truth, data_source, extra_info;
};
struct Reply {
  double score = 0;
  rlvr_verdict verdict = RLVR_WRONG;
  std::string answer, reason;
  std::vector<std::pair<std::string, double>> metrics;
};

class Reward {  // its constructor takes a const std::string& options
 public:
  virtual ~Reward() = default;
  virtual Reply Judge(const Request& request) const = 0;  // thread-safe; may throw: broken
};

inline void Copy(std::string_view text, char* to, size_t size) {
  const size_t n = std::min(text.size(), size - 1);
  std::copy_n(text.data(), n, to);
  to[n] = '\0';
}

template <class R>
const rlvr_reward_plugin* Entry() {
  static const rlvr_reward_plugin plugin = {
      RLVR_REWARD_PLUGIN_VERSION,
      [](const char* options, char* error) -> void* {
        try {
          return static_cast<Reward*>(new R(std::string(options)));
        } catch (const std::exception& e) {
          Copy(e.what(), error, RLVR_REWARD_PLUGIN_TEXT);
        } catch (...) {
          Copy("something unknown was thrown", error, RLVR_REWARD_PLUGIN_TEXT);
        }
        return nullptr;
      },
      [](void* object, const rlvr_reward_request* r, rlvr_reward_reply* out) {
        const auto text = [](const rlvr_text& t) { return std::string_view(t.data, t.size); };
        try {
          Request request;
          for (size_t i = 0; i < r->num_messages; ++i)
            request.messages.emplace_back(text(r->roles[i]), text(r->contents[i]));
          request.response = text(r->response);
          request.ground_truth = text(r->ground_truth);
          request.data_source = text(r->data_source);
          request.extra_info = text(r->extra_info);
          const Reply reply = static_cast<Reward*>(object)->Judge(request);
          out->verdict = reply.verdict;
          out->score = reply.score;
          Copy(reply.answer, out->answer, sizeof(out->answer));
          Copy(reply.reason, out->reason, sizeof(out->reason));
          for (const auto& [name, value] : reply.metrics) {
            if (out->num_metrics == RLVR_REWARD_PLUGIN_METRICS) break;
            auto& metric = out->metrics[out->num_metrics++];
            Copy(name, metric.name, sizeof(metric.name));
            metric.value = value;
          }
        } catch (const std::exception& e) {
          out->verdict = RLVR_BROKEN;
          Copy(e.what(), out->reason, sizeof(out->reason));
        } catch (...) {
          out->verdict = RLVR_BROKEN;
          Copy("something unknown was thrown", out->reason, sizeof(out->reason));
        }
      },
      [](void* object) { delete static_cast<Reward*>(object); }};
  return &plugin;
}

}  // namespace rlvr_plugin

#define RLVR_REWARD_PLUGIN(Class)                                                    \
  extern "C" __attribute__((visibility("default"))) const struct rlvr_reward_plugin* \
  rlvr_reward_plugin_entry(void) {                                                   \
    return rlvr_plugin::Entry<Class>();                                              \
  }
#endif  // __cplusplus
#endif  // RLVR_VERIFY_PLUGIN_REWARD_PLUGIN_H_
