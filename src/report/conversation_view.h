// Conversations as a reader sees them: the turns as bubbles, the policy's with what was made of
// them and with their tokens' colours. From a run's rollouts/ and eval/ lines that have `turns`, and
// from the transcripts of `rlvr eval --protocol`.
#ifndef RLVR_REPORT_CONVERSATION_VIEW_H_
#define RLVR_REPORT_CONVERSATION_VIEW_H_
#include <string>
#include <vector>

#include "report/run_data.h"

namespace rlvr {

// One conversation. Tokens are coloured by advantage as a share of the largest there is.
std::string ConversationHtml(const ConversationRecord& conversation, double largest_advantage);

// Of each instruction and type up to `max_samples` conversations, right and wrong in turn; up to
// `max_groups` instructions.
std::string ConversationsHtml(const std::vector<ConversationRecord>& conversations,
                              size_t max_groups, size_t max_samples);

// A page of its own beside the file: NAME.jsonl -> NAME.html. Returns its path. A file without
// conversations is an Error.
std::string WriteConversations(const std::string& path);

extern const char kConversationStyle[];  // CSS beside that of the page

}  // namespace rlvr
#endif  // RLVR_REPORT_CONVERSATION_VIEW_H_
