// Problems in shards: a request cut into pieces that a user reveals one after the other ("LLMs Get
// Lost In Multi-Turn Conversation", arXiv:2505.06120). The first shard is the intent; the order of
// the others does not matter.
#ifndef RLVR_DATA_SHARDS_H_
#define RLVR_DATA_SHARDS_H_
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/data.h"

namespace rlvr {

struct Shard {
  int id = 0;        // as in the data, from 1
  std::string text;  // verbatim; where the data has rephrasings only, the first of them
  std::vector<std::string> paraphrases;  // other ways to say it; may be empty
  bool required = true;                  // without it the request cannot be answered
};

struct ShardedText {
  std::string question;       // the whole request in one piece: FULL
  std::vector<Shard> shards;  // the intent first; at least one
  // No shard of the data is without text. False: the shards together say less than the question.
  bool complete = true;
  // The intent holds every number of the question already (a flag of the data).
  bool intent_leaks = false;
};

// From a prompt's extra_info: {"question": text, "shards": [{"shard_id", "shard" or "shard_text",
// "paraphrases", "required"}]}. nullopt: it has no shards. Shards that are not as they should be are
// an Error at the prompt's row. Where no shard says `required`, all are.
std::optional<ShardedText> ReadShards(const Prompt& prompt);
// The two entries of extra_info, without braces: "question":...,"shards":[...]
std::string ShardsJson(const ShardedText& text);

// "- shard\n" for each: CONCAT.
std::string ConcatText(const std::vector<std::string>& shards);
// The texts of all shards, in order.
std::vector<std::string> TextsOf(const std::vector<Shard>& shards);

// Numbers in digits, normalised ("$80,000." is "80000", "2.50" stays), in order.
std::vector<std::string> NumbersIn(std::string_view text);
// Whether text holds all numbers of question, each at least as often.
bool HoldsAllNumbers(std::string_view text, std::string_view question);

}  // namespace rlvr
#endif  // RLVR_DATA_SHARDS_H_
