#include "cli/eval_protocol.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "eval/lost_in_conversation_replay.h"
#include "verify/verify.h"

namespace rlvr {

void AddProtocolOptions(CLI::App& command, ProtocolArguments* a) {
  command
      .add_option("--protocol", a->name,
                  "lost-in-conversation: the same instructions told at once and bit by bit")
      ->check(CLI::IsMember({"lost-in-conversation"}));
  command
      .add_option("--types", a->types,
                  "Of conversations: " + fmt::format("{}", fmt::join(ConversationTypes(), ", ")))
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--simulations", a->simulations, "Of each instruction and type")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      .add_option("--user", a->user, "Who talks to the model: scripted, rephrasing, answering ...")
      ->capture_default_str();
  command.add_option("--environment", a->environment,
                     "Another setting of the sharded environment, key=value; may be repeated");
  command.add_option("--replay", a->replay,
                     "Judge the recorded turns of this file again; --data is then their "
                     "instructions, and no model is needed");
  command.add_option("--json", a->json, "Write the figures, one JSON object a type");
  command.add_option("--transcripts", a->transcripts,
                     "Write the conversations, one JSON object a line; 'rlvr report FILE.jsonl' "
                     "makes a page of them");
}

void RunReplay(const ProtocolArguments& a, const std::string& instructions) {
  const auto conversations = ReadRecordedConversations(a.replay, instructions);
  fmt::print("{}", ReplayTable(Replay(conversations, *MakeVerifier("lic_math"))));
}

}  // namespace rlvr
