#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "cli/command.h"
#include "eval/policy.h"
#include "serve/engine.h"
#include "text/chat.h"

namespace rlvr {
namespace {

struct ChatArguments {
  std::string model, system, kwargs, compute = "bf16";
  SamplingOptions sampling;
  std::vector<std::string> stop;
  int64_t max_tokens = 0;
  uint64_t seed = 0;
};

// Ctrl-C ends an answer, not the program; between answers it ends the chat.
volatile sig_atomic_t chat_interrupted = 0;
void HandleChatInterrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { chat_interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  signal(SIGTERM, SIG_DFL);
}

// Lines of standard input; a wait for one ends with Ctrl-C.
class Lines {
 public:
  std::optional<std::string> Next() {
    for (;;) {
      const size_t end = buffer_.find('\n');
      if (end != std::string::npos) return Cut(end);
      char bytes[4096];
      const ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
      if (n < 0 && chat_interrupted == 0) continue;
      if (n < 0 || (n == 0 && buffer_.empty())) return std::nullopt;
      if (n == 0) return Cut(buffer_.size());
      buffer_.append(bytes, static_cast<size_t>(n));
    }
  }

 private:
  std::string Cut(size_t end) {
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, std::min(end + 1, buffer_.size()));
    return line;
  }
  std::string buffer_;
};

class Chat {
 public:
  Chat(const Policy& policy, const ChatArguments& arguments)
      : policy_(policy),
        arguments_(arguments),
        engine_(*policy.model, *policy.tokenizer, {.max_sequences = 1}) {}

  void Reset() {
    tokens_.clear();
    last_token_ = -1;
  }

  // What the user says, and the answer, printed as it is sampled.
  void Say(const std::string& text) {
    const std::vector<int32_t> more = Encode(text);
    const int64_t room = policy_.model->config().context_length() -
                         static_cast<int64_t>(tokens_.size() + more.size());
    if (room < 1) {
      fmt::print("[the conversation is too long for the model's {} tokens: /reset begins anew]\n",
                 policy_.model->config().context_length());
      return;
    }
    if (tokens_.empty() && more.empty()) return;
    tokens_.insert(tokens_.end(), more.begin(), more.end());
    last_token_ = -1;
    chat_interrupted = 0;
    const auto generation = engine_.Submit(Requests(room));
    if (!generation) throw Error("chat", "the engine has stopped", "start it again");
    Print(*generation);
  }

 private:
  std::vector<GenerationRequest> Requests(int64_t room) {
    // The first answer is that of `rlvr generate` with the same seed.
    std::vector<GenerationRequest> requests(1);
    GenerationRequest& r = requests[0];
    r.prompt = tokens_;
    r.key = StreamKey(arguments_.seed, Stream::kGenerate)[static_cast<uint64_t>(turn_++)];
    r.sampling = arguments_.sampling;
    r.max_tokens = arguments_.max_tokens > 0 ? std::min(arguments_.max_tokens, room) : room;
    r.stop = arguments_.stop;
    return requests;
  }

  std::vector<int32_t> Encode(const std::string& text) const {
    std::vector<Message> messages;
    if (tokens_.empty() && !arguments_.system.empty())
      messages.push_back({"system", arguments_.system, ""});
    messages.push_back({"user", text, ""});
    return tokens_.empty() ? EncodeOpening(*policy_.tokenizer, messages)
                           : EncodeReply(*policy_.tokenizer, last_token_, messages);
  }

  void Print(Generation& generation) {
    bool ended = false, cut = false;
    while (!generation.done() && chat_interrupted == 0) {
      for (const GenerationEvent& e : generation.Wait(std::chrono::milliseconds(20))) {
        if (e.token) tokens_.push_back(last_token_ = e.token->token);
        fmt::print("{}", e.text);
        ended = ended || e.finish;
        cut = cut || e.finish == Finish::kLength;
      }
      std::fflush(stdout);
    }
    generation.Cancel();
    if (!ended) {
      fmt::print(" [stopped]");
    } else if (cut) {
      fmt::print(" [cut]");
    }
    chat_interrupted = 0;
    fmt::print("\n");
    std::fflush(stdout);
  }

  const Policy& policy_;
  const ChatArguments& arguments_;
  Engine engine_;
  std::vector<int32_t> tokens_;  // of the conversation; the policy's as they were sampled
  int32_t last_token_ = -1;      // of its last turn; -1: it has none
  int64_t turn_ = 0;             // also over resets, so that asking again gives another answer
};

void Talk(const ChatArguments& a) {
  const Policy policy = LoadPolicy(a.model, ParseComputeType(a.compute), false, a.kwargs);
  HandleChatInterrupts();
  Chat chat(policy, a);
  const bool interactive = isatty(STDIN_FILENO) != 0 && StdoutIsTerminal();
  if (interactive) fmt::print("/reset begins anew, /exit ends, Ctrl-C ends an answer\n");
  Lines lines;
  for (;;) {
    if (interactive) fmt::print("> ");
    std::fflush(stdout);
    const std::optional<std::string> line = lines.Next();
    if (!line || *line == "/exit") break;
    if (*line == "/reset") {
      chat.Reset();
    } else if (!line->empty()) {
      chat.Say(*line);
    }
  }
  if (interactive) fmt::print("\n");
}

}  // namespace

void AddChat(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(
      app, "chat", "Talk to a model: turns of a line each, answers shown as they are sampled",
      "echo \"Tom has 7 apples. Tom buys 5 more. How many apples does Tom have now?\" | "
      "rlvr chat base_tiny");
  auto a = std::make_shared<ChatArguments>();
  command->add_option("model", a->model, "A Hugging Face folder or an embedded model's name")
      ->required();
  command->add_option("--system", a->system, "A system message before the first turn");
  command->add_option("--temperature", a->sampling.temperature, "0 is greedy")
      ->check(TemperatureRange())
      ->capture_default_str();
  command->add_option("--top-k", a->sampling.top_k, "0 is off")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--top-p", a->sampling.top_p, "1 is off")
      ->check(CLI::Range(1e-6, 1.0))
      ->capture_default_str();
  command->add_option("--min-p", a->sampling.min_p, "0 is off")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--max-tokens", a->max_tokens, "Longest answer; 0 is what the context holds")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--stop", a->stop, "A string that ends an answer; may be repeated")
      ->check(CLI::Validator(
          [](std::string& text) { return std::string(text.empty() ? "is empty" : ""); }, "TEXT"));
  command->add_option("--seed", a->seed, "Same seed, same answers")->capture_default_str();
  command->add_option("--compute", a->compute, "fp32 or bf16")->capture_default_str();
  AddTemplateOption(*command, &a->kwargs);
  command->callback([=] { *action = [=] { Talk(*a); }; });
}

}  // namespace rlvr
