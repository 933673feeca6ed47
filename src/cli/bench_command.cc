#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "bench/bench.h"
#include "cli/command.h"
#include "eval/policy.h"
#include "model/hf_folder.h"

namespace rlvr {
namespace {

struct BenchArguments {
  std::string model, shape, compute = "bf16", json, svg;
  BenchOptions options;
};

ModelConfig ConfigOf(const BenchArguments& a) {
  const std::string name = a.model.empty() ? a.shape : a.model;
  ModelConfig config;
  if (name.size() > 5 && name.ends_with(".json")) {
    config = ModelConfig::FromJson(ReadFile(name), name);
  } else if (a.model.empty()) {
    config = BenchShape(name.empty() ? "tiny" : name);
  } else {
    config = LoadConfig(FindModelFolder(name));
  }
  config.eos_token_ids.clear();  // random weights would end responses anywhere
  return config;
}

void Bench(BenchArguments a) {
  if (!a.model.empty() && !a.shape.empty())
    throw Error("bench", "both a model and --shape are given", "give one of them");
  a.options.compute = ParseComputeType(a.compute);
  const ModelConfig config = ConfigOf(a);
  const std::string name = !a.model.empty() ? a.model : a.shape.empty() ? "tiny" : a.shape;
  BenchReport report;
  {
    Progress progress("bench", 1000);
    report = RunBench(name, config, a.options, [&](int done, int total, const std::string& item) {
      progress.Update(int64_t{1000} * done / total, item);
    });
  }
  fmt::print("{}", BenchText(report, StdoutIsTerminal()));
  if (!a.json.empty()) WriteFileAtomically(a.json, BenchJson(report));
  if (!a.svg.empty()) WriteFileAtomically(a.svg, BenchSvg(report));
}

}  // namespace

void AddBench(CLI::App& app, Action* action) {
  CLI::App* command = Subcommand(
      app, "bench",
      "Every kernel and phase at a model's shapes, as a share of this machine's measured limits",
      "rlvr bench base_tiny --seconds 0.01 --tokens 1024 --json bench.json");
  auto a = std::make_shared<BenchArguments>();
  command->add_option("model", a->model,
                      "A Hugging Face folder, an embedded model's name or a config.json; weights "
                      "are random");
  command->add_option("--shape", a->shape, "tiny (the default) or half-billion, or a config.json");
  command->add_option("--compute", a->compute, "bf16 or fp32")->capture_default_str();
  command->add_flag("--int8", a->options.int8, "Also decode with the layers' matrices in 8 bits");
  command->add_option("--seconds", a->options.seconds, "For the repeats of each line")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_option("--repeats", a->options.repeats, "At least so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--tokens", a->options.tokens,
                   "Of a training step; 8192, from 100 million parameters on 2048")
      ->check(CLI::Range(16, 1 << 20));
  command->add_option("--prompt", a->options.prompt, "Tokens, of prefill and decode")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--response", a->options.response, "Tokens, of decode")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command->add_option("--sequences", a->options.sequences, "Decoded together")
      ->delimiter(',')
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_option(
      "--only", a->options.only,
      "Items whose section or name (\"phases: decode, 64 sequences\") has this in it");
  command->add_option("--checkpoint", a->options.folder,
                      "A folder in which a checkpoint is saved and removed, to be measured too");
  command->add_option("--json", a->json, "Also write the figures to this file");
  command->add_option("--svg", a->svg, "Also write a plot of the roofline to this file");
  command->callback([=] { *action = [=] { Bench(*a); }; });
}

}  // namespace rlvr
