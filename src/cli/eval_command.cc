#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "cli/command.h"
#include "cli/eval_protocol.h"
#include "eval/eval.h"
#include "eval/policy.h"
#include "eval/subjects.h"

namespace rlvr {
namespace {

// "data/gsm8k.jsonl" -> "gsm8k": the name of a data set or model in the table and of files.
std::string ShortName(const std::string& data) {
  std::string name = (std::filesystem::path(data) / "").parent_path().filename().string();
  for (const char* ending : {".gz", ".jsonl", ".json", ".parquet"}) {
    if (name.ends_with(ending)) name.resize(name.size() - std::string(ending).size());
  }
  return name.substr(0, name.find_first_of(":;"));
}

// The table's rows: a data set, then indented its subjects.
class EvalTable {
 public:
  explicit EvalTable(int k) : k_(k) {}
  void Add(const std::string& name, const EvalResult& r,
           const std::vector<SubjectResult>& subjects) {
    rows_.push_back({name, r.num_prompts, r.avg_at_k, r.pass_at_k, r.maj_at_k});
    for (const SubjectResult& s : subjects)
      rows_.push_back({"  " + s.name, s.num_prompts, s.avg_at_k, s.pass_at_k, s.maj_at_k});
  }
  void Print() const {
    size_t width = 4;
    for (const SubjectResult& row : rows_) width = std::max(width, row.name.size());
    const auto head = [&](const char* name) { return fmt::format("{}@{} %", name, k_); };
    fmt::print("{:<{}}  {:>7}  {:<19}  {:<19}  {:<19}\n", "data", width, "prompts", head("avg"),
               head("pass"), head("maj"));
    const auto cell = [](const Interval& i) {
      return fmt::format("{:5.1f} [{:.1f}, {:.1f}]", 100 * i.mean, 100 * i.low, 100 * i.high);
    };
    for (const SubjectResult& row : rows_) {
      fmt::print("{:<{}}  {:>7}  {:<19}  {:<19}  {:<19}\n", row.name, width, row.num_prompts,
                 cell(row.avg_at_k), cell(row.pass_at_k), cell(row.maj_at_k));
    }
  }

 private:
  int k_;
  std::vector<SubjectResult> rows_;
};

}  // namespace

void AddEval(CLI::App& app, Action* action) {
  struct Arguments {
    std::string model, kwargs, split = "test", compute = "bf16", output, verifier = "auto";
    std::vector<std::string> data = {"gsm_micro"};
    PromptFileSettings files;
    EvalOptions options;
    ProtocolArguments protocol;
  };
  CLI::App* command = Subcommand(app, "eval", "avg@k, pass@k and maj@k of a model on a data set",
                                 "rlvr eval base_tiny --data gsm_micro --k 4 --max-prompts 32");
  auto a = std::make_shared<Arguments>();
  a->options.max_prompts = 256;
  command->add_option("model", a->model, "A Hugging Face folder or an embedded model's name");
  CLI::Option* data = command
                          ->add_option("--data", a->data,
                                       "A JSONL, JSON or Parquet file, gsm_micro or countdown; may "
                                       "be given several times")
                          ->allow_extra_args(false)
                          ->capture_default_str();
  command->add_option("--split", a->split, "train, validation or test (embedded data)")
      ->capture_default_str();
  command->add_option("--k", a->options.k, "Samples per prompt")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--max-prompts", a->options.max_prompts, "The first N prompts; 0 is all")
      ->capture_default_str();
  command->add_option("--temperature", a->options.rollout.sampling.temperature, "0 is greedy")
      ->check(TemperatureRange())
      ->capture_default_str();
  command->add_option("--top-p", a->options.rollout.sampling.top_p, "Nucleus sampling; 1 is off")
      ->capture_default_str();
  command->add_option("--max-tokens", a->options.rollout.max_tokens, "Longest response")
      ->capture_default_str();
  command->add_option("--seed", a->options.seed, "Of the samples")->capture_default_str();
  command->add_option("--compute", a->compute, "fp32 or bf16")->capture_default_str();
  AddTemplateOption(*command, &a->kwargs);
  CLI::Option* output =
      command
          ->add_option("--output", a->output, "Folder for every sample and the figures; '': none")
          ->default_str("runs/eval_MODEL");
  command->add_option("--verifier", a->verifier, "Who judges; auto: by the data's source")
      ->capture_default_str();
  command->add_option("--instruction", a->files.instruction, "Ends each prompt of a file");
  command->add_option("--system", a->files.system, "The system message of a file's prompts");
  command->add_option("--prompt-column", a->files.prompt_column,
                      "Of files whose layout is not known (docs/prompts.md)");
  command->add_option("--answer-column", a->files.answer_column, "Likewise");
  AddProtocolOptions(*command, &a->protocol);
  command->callback([=] {
    *action = [=] {
      if (a->data.size() > 1 && !(a->protocol.replay.empty() && a->protocol.name.empty()))
        throw Error("eval", "a protocol has one data set", "give --data once");
      if (!a->protocol.replay.empty()) return RunReplay(a->protocol, a->data.front());
      if (a->model.empty()) throw Error("eval", "no model given", "rlvr eval MODEL");
      if (!a->protocol.name.empty()) {
        if (data->count() == 0) a->data = {"gsm_micro:shards=true"};
        return RunProtocol(
            a->protocol,
            [&] { return LoadPolicy(a->model, ParseComputeType(a->compute), false, a->kwargs); },
            a->data.front(), a->split, a->options);
      }
      // All are opened before the first is evaluated: a broken file is told at once.
      std::vector<std::unique_ptr<PromptSource>> sources;
      for (const std::string& name : a->data) {
        sources.push_back(OpenPrompts(name, ParseSplit(a->split), 0, a->files));
        if (!sources.back()->layout().empty())
          fmt::print(stderr, "data: {}: {} prompts, {}\n", sources.back()->name(),
                     sources.back()->size(), sources.back()->layout());
      }
      if (output->count() == 0) a->output = "runs/eval_" + ShortName(a->model);
      if (!a->output.empty()) MakeDirectories(a->output);
      const Policy policy = LoadPolicy(a->model, ParseComputeType(a->compute), false, a->kwargs);
      a->options.keep_samples = true;
      if (a->verifier != "auto") {
        MakeVerifier(a->verifier);  // an unknown name is told before anything is sampled
        a->options.verifier = [a](const std::string&) { return MakeVerifier(a->verifier); };
      }
      EvalTable table(a->options.k);
      std::set<std::string> names;
      std::string rest;
      for (const auto& prompts : sources) {
        std::string name = ShortName(prompts->name().substr(0, prompts->name().find(" (")));
        for (int i = 2; !names.insert(name).second; ++i) name = fmt::format("{}_{}", name, i);
        std::unique_ptr<Progress> bar;
        const EvalResult r =
            Evaluate(*policy.model, *policy.tokenizer, *prompts, a->options,
                     [&](int64_t done, int64_t total) {
                       if (!bar) bar = std::make_unique<Progress>("evaluating " + name, total);
                       bar->Update(done);
                     });
        bar.reset();
        const auto subjects = BySubject(r, a->options.seed);
        table.Add(name, r, subjects);
        rest += fmt::format(
            "{}: response length {:.1f} tokens, {:.1f} % cut at --max-tokens, entropy {:.3f} "
            "nats\n",
            name, r.mean_response_length, 100 * r.clip_ratio, r.mean_entropy);
        if (a->output.empty()) continue;
        const std::string path = a->output + "/" + name;
        WriteSamples(path + ".jsonl", *policy.tokenizer, r);
        WriteFileAtomically(path + ".json",
                            SummaryJson(prompts->name(), prompts->layout(), r, subjects));
        rest += fmt::format("{}: every sample is in {}.jsonl, the figures are in {}.json\n", name,
                            path, path);
      }
      fmt::print("{} samples per prompt; 95 % intervals over prompts\n", a->options.k);
      table.Print();
      fmt::print("{}", rest);
    };
  });
}

}  // namespace rlvr
