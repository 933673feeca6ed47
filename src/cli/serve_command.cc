#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "base/interrupt.h"
#include "cli/command.h"
#include "eval/policy.h"
#include "serve/serve.h"

namespace rlvr {
namespace {

struct ServeArguments {
  std::string model, kwargs, compute = "bf16";
  ServeOptions options;
};

// Keys and values of all places, each as long as the context.
double MostCacheGib(const Model& model, const ServeOptions& o) {
  const ModelConfig& c = model.config();
  const int64_t context = o.max_context == 0 ? c.context_length() : o.max_context;
  const int64_t token = 2 * c.num_hidden_layers * c.num_key_value_heads * c.head_dim *
                        (model.compute() == ComputeType::kFp32 ? 4 : 2);
  return static_cast<double>(token * context * o.engine.max_sequences) / (1 << 30);
}

void Serve(ServeArguments a) {
  const Policy policy = LoadPolicy(a.model, ParseComputeType(a.compute), false, a.kwargs);
  ServeOptions& o = a.options;
  // "models/mine/" is mine.
  if (o.model_name.empty())
    o.model_name = std::filesystem::path(a.model + "/").parent_path().filename().string();
  if (!IsLoopback(o.host) && o.api_key.empty())
    fmt::print(stderr, "rlvr: warning: whoever can reach {} can use this model: give --api-key\n",
               o.host);
  const Server server(*policy.model, *policy.tokenizer, o);
  const std::string host = o.host.find(':') == std::string::npos ? o.host : "[" + o.host + "]";
  fmt::print("{} at http://{}:{}/v1 (at most {} sequences, {:.2f} GiB of keys and values)\n",
             o.model_name, host, server.port(), o.engine.max_sequences,
             MostCacheGib(*policy.model, o));
  std::fflush(stdout);
  while (!InterruptRequested()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace

void AddServe(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(
      app, "serve", "Answer OpenAI's chat and completion requests over HTTP (docs/serving.md)",
      "rlvr serve base_tiny --port 8000");
  auto a = std::make_shared<ServeArguments>();
  ServeOptions& o = a->options;
  o.port = 8000;
  if (const char* key = std::getenv("RLVR_API_KEY")) o.api_key = key;
  command->add_option("model", a->model, "A Hugging Face folder or an embedded model's name")
      ->required();
  command
      ->add_option("--host", o.host,
                   "Address to listen at; others than loopback are reached from elsewhere")
      ->capture_default_str();
  command->add_option("--port", o.port, "0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--name", o.model_name,
                      "The model's name in requests; its folder's by default");
  command->add_option("--api-key", o.api_key,
                      "What clients must send; also from the environment, as RLVR_API_KEY");
  command->add_option("--max-sequences", o.engine.max_sequences, "Sampled at a time")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--max-waiting", o.engine.max_waiting,
                   "Sequences that may wait for a place; more are told to come again")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--max-context", o.max_context,
                   "Tokens of prompt and response together; 0 is the model's context")
      ->capture_default_str();
  command->add_option("--compute", a->compute, "fp32 or bf16")->capture_default_str();
  AddTemplateOption(*command, &a->kwargs);
  command->callback([=] { *action = [=] { Serve(*a); }; });
}

}  // namespace rlvr
