#include "cli/eval_protocol.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "eval/policy.h"
#include "eval/lost_in_conversation_replay.h"
#include "verify/verify.h"

namespace rlvr {
namespace {

// The recipe's section `environment` that the options stand for.
ConfigNode EnvironmentOf(const ProtocolArguments& a) {
  ConfigNode section = ParseConfig(a.environment, "--environment");
  if (section.kind != ConfigNode::Kind::kMap)
    throw Error("--environment", "is no map", "write {max_turns: 8, extra_turns: 1}");
  section.Set("name", ParseConfig("sharded", "--environment"));
  ConfigNode user = ParseConfig(a.user, "--user");
  if (user.kind == ConfigNode::Kind::kScalar)
    user = ParseConfig("{name: " + a.user + "}", "--user");
  section.Set("user", std::move(user));
  return section;
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
         "Who talks to the model: scripted, rephrasing, answering, remote, or with settings "
         "{name: answering, overlap: 2}");
  option("--environment", a->environment,
         "Further settings of the environment sharded (docs/environments.md)");
  option("--replay", a->replay,
         "Judge the recorded turns of this file again; --data is then their instructions, and no "
         "model is needed");
  option("--json", a->json, "Write the figures, one JSON object a type");
  option("--transcripts", a->transcripts,
         "Write the conversations, one JSON object a line; 'rlvr report FILE.jsonl' makes a page "
         "of them");
}

void RunReplay(const ProtocolArguments& a, const std::string& instructions) {
  const auto conversations = ReadRecordedConversations(a.replay, instructions);
  fmt::print("{}", ReplayTable(Replay(conversations, *MakeVerifier("lic_math"))));
}

void RunProtocol(const ProtocolArguments& a, const std::string& model, const std::string& compute,
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
  const ConversationOpener open = OpenSharded(environment, {}, options.types);
  const Policy policy = LoadPolicy(model, ParseComputeType(compute), false);
  std::unique_ptr<Progress> bar;
  const LostInConversationResult result = EvaluateLostInConversation(
      *policy.model, *policy.tokenizer, *prompts, open, options, [&](int64_t done, int64_t total) {
        if (!bar) bar = std::make_unique<Progress>("talking", total);
        bar->Update(done);
      });
  bar.reset();
  fmt::print(
      "{} instructions of {}, {} simulations each; user {}, temperature {}; 95 % intervals "
      "over instructions\n\n{}",
      result.prompts.size(), prompts->name(), a.simulations, a.user,
      eval.rollout.sampling.temperature, LostInConversationTable(result));
  if (!a.json.empty()) WriteFileAtomically(a.json, SummaryJsonLines(result));
  if (!a.transcripts.empty())
    WriteFileAtomically(a.transcripts, TranscriptJsonLines(result, *policy.tokenizer));
}

}  // namespace rlvr
