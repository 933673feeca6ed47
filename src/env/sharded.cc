#include "env/sharded.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "data/shards.h"
#include "env/judge.h"

namespace rlvr {
namespace {

// Children of the group's and the sample's key; far from the numbers of tokens and samples.
constexpr uint64_t kFullShareKey = 0x7368617264ull, kShuffleKey = 0x7368617265ull,
                   kUserKey = 0x7368617266ull, kWithholdKey = 0x7368617267ull;

std::string Filled(std::string text, std::string_view field, std::string_view value) {
  const size_t at = text.find(field);
  return at == std::string::npos ? text : text.replace(at, field.size(), value);
}

// The messages of the protocol's SNOWBALL and RECAP, word for word.
std::string SnowballText(const std::vector<std::string>& told) {
  std::string bullets;
  for (size_t i = 0; i + 1 < told.size(); ++i) bullets += (i == 0 ? "- " : "\n- ") + told[i];
  return "Just to reiterate,\n" + bullets + "\n\nAlso,\n\n" + told.back() + "\n";
}
std::string RecapText(const std::string& task) {
  return "Just to recapitulate, the entire task is:\n\n" + task +
         "\n\nNow please complete the task correctly taking all the information into account.";
}

struct ShardedShared {
  ShardedShared(const ShardedSettings& s, const EnvironmentServices& services)
      : settings(s), judge(services), user(MakeUser(settings.user, services)) {}
  const ShardedSettings settings;
  AttemptJudge judge;
  std::unique_ptr<User> user;
};

class ShardedConversation : public Environment {
 public:
  explicit ShardedConversation(ShardedShared* shared) : shared_(*shared) {}

  std::vector<Message> Reset(const Prompt& prompt, RandomKey group, RandomKey sample) override {
    prompt_ = prompt;
    user_key_ = sample[kUserKey];
    judge_key_ = sample[kJudgeKey];
    type_ = shared_.settings.conversation;
    if (group[kFullShareKey].Uniform(0) < shared_.settings.full_share) type_ = "full";
    std::optional<ShardedText> text = ReadShards(prompt);
    if (!text && type_ != "full") {
      throw Error(prompt.data_source + ": row " + std::to_string(prompt.index),
                  "the prompt has no shards, which environment.conversation: " + type_ + " needs",
                  "give extra_info.shards, as docs/environments.md shows, or conversation: full");
    }
    std::vector<Message> opening;
    if (!shared_.settings.system_prompt.empty())
      opening.push_back({"system", shared_.settings.system_prompt});
    for (const auto& [role, content] : prompt.messages) {
      if (role == "system" && opening.empty()) opening.push_back({role, content});
      if (role == "system" || text) continue;
      opening.push_back({role, content});
      history_.push_back({role, content});
    }
    at_once_ = type_ == "full" || type_ == "concat" || type_ == "shuffle_concat";
    if (!text) return opening;
    text_ = std::move(*text);
    if (!at_once_) Withhold(group[kWithholdKey]);
    revealed_.assign(text_.shards.size(), at_once_ ? 1 : 0);
    revealed_[0] = 1;
    const std::string first = FirstTurn(group);
    told_.push_back(first);
    history_.push_back({"user", first});
    opening.push_back(history_.back());
    return opening;
  }

  Reply Step(const PolicyTurn& turn) override {
    Reply reply;
    TurnOutcome& outcome = reply.outcome;
    const TurnReading reading = Read(turn.text);
    outcome.illocution = Specified() || (recapped_ && !withheld_) ? Illocution::kSpecified
                                                                  : Illocution::kUnderspecified;
    outcome.strategy = reading.strategy;
    const bool attempt = at_once_ || reading.strategy == TurnStrategy::kAnswerAttempt;
    if (attempt) {
      ++attempts_;
      if (first_attempt_ < 0) first_attempt_ = turns_;
      premature_ = premature_ || outcome.illocution == Illocution::kUnderspecified;
    }
    if (attempt && (shared_.settings.attempts == "all" || AllRevealed() || recapped_)) {
      last_ = shared_.judge.Judge(prompt_, turn.text, reading);
      outcome.right = last_->verdict == Verdict::kRight;
    }
    outcome.reward = static_cast<float>(
        TurnReward(shared_.settings.turn_reward, outcome, turn.text, Told(), MissingShards()));
    history_.push_back({"assistant", turn.text});
    ++turns_;
    if (const std::optional<std::string> says = NextOfUser(outcome)) {
      history_.push_back({"user", *says});
      reply.messages.push_back(history_.back());
    } else {
      reply.done = true;
    }
    return reply;
  }

  ConversationResult End(Finish) override {
    ConversationResult result;
    if (last_) {
      result.verdict = last_->verdict;
      result.answer = last_->answer;
    }
    result.score =
        static_cast<float>(shared_.settings.score_weight) * shared_.judge.Score(result.verdict);
    result.metrics = {
        {"turns", turns_}, {"attempts", attempts_}, {"premature", premature_ ? 1 : 0}};
    if (!revealed_.empty()) {
      const auto known = std::count(revealed_.begin(), revealed_.end(), 1);
      result.metrics["revealed"] =
          static_cast<double>(known) / static_cast<double>(revealed_.size());
    }
    if (first_attempt_ >= 0) result.metrics["first_attempt_turn"] = first_attempt_ + 1;
    if (!at_once_) {
      result.metrics["withheld"] = withheld_ ? 1 : 0;
      result.metrics["unanswered"] = unanswered_;
      result.metrics["user_faults"] = user_faults_;
    }
    if (shared_.judge.has_judge()) result.metrics["judge_faults"] = judge_faults_;
    return result;
  }

  bool blocks() const override { return shared_.user->blocks() || shared_.judge.blocks(); }
  AskedModels* asks() const override { return blocks() ? shared_.judge.models() : nullptr; }

 private:
  TurnReading Read(const std::string& text) {
    TurnToRead turn{.text = text, .key = judge_key_[static_cast<uint64_t>(turns_)]};
    for (const Message& message : history_) {
      if (message.role != "user") continue;
      if (turn.intent.empty()) turn.intent = message.content;
      turn.request += (turn.request.empty() ? "" : "\n") + message.content;
    }
    if (!text_.shards.empty()) {
      turn.intent = text_.shards[0].text;
      turn.shards = TextsOf(text_.shards);
      turn.shards.erase(turn.shards.begin());
    }
    const JudgedReading read = shared_.judge.Read(turn);
    judge_faults_ += read.faulty ? 1 : 0;
    return read.reading;
  }
  std::string FirstTurn(RandomKey group) const {
    if (type_ == "full") return FullPrompt(text_.question);
    if (!at_once_) return text_.shards[0].text;
    std::vector<std::string> shards = TextsOf(text_.shards);
    if (type_ == "shuffle_concat") Random(group[kShuffleKey]).Shuffle(shards);
    return FullPrompt(ConcatText(shards));
  }
  std::string FullPrompt(const std::string& question) const {
    return Filled(shared_.settings.full_prompt, "[[QUESTION]]", question);
  }
  // The user does not know it either.
  void Withhold(RandomKey key) {
    if (!(key.Uniform(0) < shared_.settings.withhold_share)) return;
    std::vector<int> candidates;
    for (size_t i = 1; i < text_.shards.size(); ++i)
      if (text_.shards[i].required) candidates.push_back(static_cast<int>(i));
    if (candidates.empty()) return;
    text_.shards.erase(text_.shards.begin() + Random(key[1]).Choice(candidates));
    withheld_ = true;
  }
  bool AllRevealed() const {
    return std::find(revealed_.begin(), revealed_.end(), 0) == revealed_.end();
  }
  bool Specified() const {
    if (withheld_) return false;
    for (size_t i = 0; i < revealed_.size(); ++i)
      if (text_.shards[i].required && revealed_[i] == 0) return false;
    return true;
  }

  std::vector<std::string> MissingShards() const {
    std::vector<std::string> missing;
    for (size_t i = 0; i < revealed_.size(); ++i)
      if (text_.shards[i].required && revealed_[i] == 0) missing.push_back(text_.shards[i].text);
    return missing;
  }

  // By the user, until now.
  std::vector<std::string> Told() const {
    std::vector<std::string> told;
    for (const Message& message : history_)
      if (message.role == "user") told.push_back(message.content);
    return told;
  }

  // nullopt: the conversation is over.
  std::optional<std::string> NextOfUser(const TurnOutcome& outcome) {
    if (at_once_ || recapped_) return std::nullopt;
    const bool solved = outcome.right && shared_.settings.end_on_correct;
    if (solved || (AllRevealed() && extra_turns_ == shared_.settings.extra_turns)) {
      if (type_ != "recap") return std::nullopt;
      recapped_ = true;
      last_.reset();  // what counts is the answer to the recapitulation
      return RecapText(FullPrompt(ConcatText(TextsOf(text_.shards))));
    }
    if (AllRevealed()) {
      ++extra_turns_;
      return shared_.settings.closing;
    }
    const UserTurn next = shared_.user->Next({text_, revealed_, history_, user_key_});
    user_faults_ += next.faulty ? 1 : 0;
    if (next.shard < 0) {
      ++unanswered_;
    } else {
      revealed_[static_cast<size_t>(next.shard)] = 1;
      told_.push_back(next.text);
    }
    // In the protocol's SNOWBALL what reveals nothing is lost: the turn restates what was told.
    return type_ == "snowball" ? SnowballText(told_) : next.text;
  }

  ShardedShared& shared_;
  Prompt prompt_;
  RandomKey user_key_{0}, judge_key_{0};
  std::string type_;
  bool at_once_ = false;  // full, concat, shuffle_concat: one turn, whatever it is, is an attempt
  ShardedText text_;
  std::vector<char> revealed_;     // [shards]; empty without shards
  std::vector<std::string> told_;  // the user's turns that revealed something
  std::vector<Message> history_;   // without the system's
  std::optional<Judgement> last_;  // of the last attempt that counts
  bool withheld_ = false;          // a required shard is not in text_
  bool recapped_ = false, premature_ = false;
  int turns_ = 0, attempts_ = 0, first_attempt_ = -1, extra_turns_ = 0, unanswered_ = 0,
      user_faults_ = 0, judge_faults_ = 0;
};

class ShardedMaker : public EnvironmentMaker {
 public:
  ShardedMaker(const ShardedSettings& settings, const EnvironmentServices& services)
      : shared_(settings, services) {}
  std::unique_ptr<Environment> Make() override {
    return std::make_unique<ShardedConversation>(&shared_);
  }

 private:
  ShardedShared shared_;
};

}  // namespace

std::unique_ptr<EnvironmentMaker> MakeSharded(const ShardedSettings& settings,
                                              const EnvironmentServices& services) {
  if (settings.full_prompt.find("[[QUESTION]]") == std::string::npos)
    throw Error("environment.full_prompt", "it has no place for the question",
                "write [[QUESTION]] where the question belongs");
  ShardedSettings own = settings;
  own.turn_reward.icpo.correct = services.correct;
  own.turn_reward.icpo.wrong = services.wrong;
  return std::make_unique<ShardedMaker>(own, services);
}

}  // namespace rlvr
