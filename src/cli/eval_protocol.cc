#include "cli/eval_protocol.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "env/strategy_judge.h"
#include "eval/lost_in_conversation_replay.h"
#include "eval/policy.h"
#include "eval/speakers.h"
#include "verify/verify.h"

namespace rlvr {
namespace {

// A section by its name or as YAML, with what other options say of it.
ConfigNode SectionOf(const char* option, const std::string& text, const std::string& model,
                     const std::string& url) {
  ConfigNode section = ParseConfig(text, option);
  if (section.kind == ConfigNode::Kind::kScalar)
    section = ParseConfig("{name: " + text + "}", option);
  const auto set = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    ConfigNode node;
    node.kind = ConfigNode::Kind::kScalar;
    node.place = std::string(option) + "-" + key;
    node.scalar = value;
    section.Set(key, std::move(node));
  };
  set("model", model);
  set("url", url);
  return section;
}

// The recipe's section `environment` that the options stand for.
ConfigNode EnvironmentOf(const ProtocolArguments& a) {
  ConfigNode section = ParseConfig(a.environment, "--environment");
  if (section.kind != ConfigNode::Kind::kMap)
    throw Error("--environment", "is no map", "write {max_turns: 8, extra_turns: 1}");
  section.Set("name", ParseConfig("sharded", "--environment"));
  section.Set("user", SectionOf("--user", a.user, a.user_model, a.user_url));
  return section;
}

StrategyJudgeSettings JudgeOf(const ProtocolArguments& a) {
  const ConfigNode section = SectionOf("--judge", a.judge, a.judge_model, a.judge_url);
  StrategyJudgeSettings settings;
  ConfigReader reader(&section, "judge");
  settings.Params(reader);
  reader.Done();
  return settings;
}

// "remote gpt-4o-mini"
std::string Named(const std::string& section, const std::string& model) {
  return model.empty() ? section : section + " " + model;
}

}  // namespace

void AddProtocolOptions(CLI::App& command, ProtocolArguments* a) {
  CLI::Option* protocol =
      command
          .add_option("--protocol", a->name,
                      "lost-in-conversation: the same instructions told at once and bit by bit")
          ->check(CLI::IsMember({"lost-in-conversation"}))
          ->excludes(command.get_option("--k"));
  const auto option = [&](const char* name, auto& value, const std::string& description) {
    return command.add_option(name, value, description)->needs(protocol)->capture_default_str();
  };
  option("--types", a->types,
         "Of conversations: " + fmt::format("{}", fmt::join(ConversationTypes(), ", ")))
      ->delimiter(',');
  option("--simulations", a->simulations, "Of each instruction and type")
      ->check(CLI::Range(1, 4096));
  option("--user", a->user,
         "Who talks to the model: scripted, rephrasing, answering, model, remote, or with settings "
         "{name: answering, overlap: 2}");
  option("--user-model", a->user_model,
         "Of --user model: policy (the one that is evaluated), a folder or an embedded model; of "
         "--user remote: as the endpoint names it");
  option("--user-url", a->user_url, "Of --user remote: an OpenAI-compatible endpoint")
      ->default_str("http://127.0.0.1:8000/v1");
  option("--judge", a->judge,
         "Who tells the strategies of turns: rules, model, remote, or with settings {name: remote, "
         "model: gpt-4o-mini, tries: 5}");
  option("--judge-model", a->judge_model, "Of --judge model or remote, as --user-model");
  option("--judge-url", a->judge_url, "Of --judge remote")->default_str("http://127.0.0.1:8000/v1");
  option("--environment", a->environment,
         "Further settings of the environment sharded (docs/environments.md)");
  option("--replay", a->replay,
         "Judge the recorded turns of this file again; --data is then their instructions, and no "
         "model is needed")
      ->excludes(command.get_option("--judge"))
      ->excludes(command.get_option("--user"));
  option("--json", a->json, "Write the figures, one JSON object a type");
  option("--transcripts", a->transcripts,
         "Write the conversations, one JSON object a line; 'rlvr report FILE.jsonl' makes a page "
         "of them");
}

void RunReplay(const ProtocolArguments& a, const std::string& instructions) {
  const auto conversations = ReadRecordedConversations(a.replay, instructions);
  fmt::print("{}", ReplayTable(Replay(conversations, *MakeVerifier("lic_math"))));
}

void RunProtocol(const ProtocolArguments& a, const std::function<Policy()>& load,
                 const std::string& data, const std::string& split, const EvalOptions& eval) {
  LostInConversationOptions options;
  options.types = ParseConversationTypes(a.types, "--types");
  options.num_simulations = a.simulations;
  options.max_instructions = eval.max_prompts;
  options.rollout = eval.rollout;
  options.seed = eval.seed;
  const ConfigNode environment = EnvironmentOf(a);
  options.rollout.conversation = ReadConversationLimits(&environment);
  const auto prompts = OpenPrompts(data, ParseSplit(split), 0);
  const StrategyJudgeSettings judge = JudgeOf(a);
  const Policy policy = load();
  EnvironmentServices services = ServicesWithModels(*policy.model, *policy.tokenizer);
  services.reader = MakeTurnReader(judge, services);
  const ConversationOpener open = OpenSharded(environment, services, options.types);
  std::unique_ptr<Progress> bar;
  const LostInConversationResult result = EvaluateLostInConversation(
      *policy.model, *policy.tokenizer, *prompts, open, options, [&](int64_t done, int64_t total) {
        if (!bar) bar = std::make_unique<Progress>("talking", total);
        bar->Update(done);
      });
  bar.reset();
  fmt::print(
      "{} instructions of {}, {} simulations each; user {}, {}temperature {}; 95 % intervals "
      "over instructions\n\n{}",
      result.prompts.size(), prompts->name(), a.simulations, Named(a.user, a.user_model),
      judge.name == "rules" ? "" : fmt::format("strategies by {}, ", Named(a.judge, judge.model)),
      eval.rollout.sampling.temperature, LostInConversationTable(result));
  if (!a.json.empty()) WriteFileAtomically(a.json, SummaryJsonLines(result));
  if (!a.transcripts.empty())
    WriteFileAtomically(a.transcripts, TranscriptJsonLines(result, *policy.tokenizer));
}

}  // namespace rlvr
