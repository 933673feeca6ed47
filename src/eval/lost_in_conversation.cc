#include "eval/lost_in_conversation.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/error.h"
#include "base/suggest.h"
#include "data/shards.h"
#include "text/chat.h"

namespace rlvr {
namespace {

// Writes down what two sides say to each other.
class Recorder : public Conversation {
 public:
  Recorder(std::unique_ptr<Conversation> other, Transcript* transcript)
      : other_(std::move(other)), transcript_(transcript) {}
  Reply Step(const PolicyTurn& turn) override {
    transcript_->turns.push_back({.policy = turn, .reply = {}});
    return transcript_->turns.back().reply = other_->Step(turn);
  }
  ConversationResult End(Finish finish) override {
    return transcript_->result = other_->End(finish);
  }
  bool blocks() const override { return other_->blocks(); }
  AskedModels* asks() const override { return other_->asks(); }

 private:
  std::unique_ptr<Conversation> other_;
  Transcript* transcript_;
};

// The segments from the root to a leaf as a tree of their own.
Tree Chain(const Tree& tree, const Leaf& leaf) {
  Tree chain;
  chain.prompt_index = tree.prompt_index;
  chain.data_source = tree.data_source;
  for (const int32_t s : tree.Path(leaf.segment)) {
    chain.segments.push_back(tree.segments[static_cast<size_t>(s)]);
    chain.segments.back().parent = static_cast<int32_t>(chain.segments.size()) - 2;
  }
  chain.leaves.push_back(leaf);
  chain.leaves[0].segment = static_cast<int32_t>(chain.segments.size()) - 1;
  return chain;
}

}  // namespace

const std::vector<std::string>& ConversationTypes() {
  static const std::vector<std::string> types = {"full",    "concat", "shuffle_concat",
                                                 "sharded", "recap",  "snowball"};
  return types;
}

bool ToldAtOnce(const std::string& type) {
  return type == "full" || type == "concat" || type == "shuffle_concat";
}

std::vector<std::string> ParseConversationTypes(const std::vector<std::string>& names,
                                                const std::string& place) {
  const auto& known = ConversationTypes();
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Error(place, "unknown conversation type '" + name + "'", DidYouMean(name, known));
    }
  }
  std::vector<std::string> types;
  for (const std::string& type : known) {
    if (std::find(names.begin(), names.end(), type) != names.end()) types.push_back(type);
  }
  if (types.empty()) throw Error(place, "no conversation types", "known: full, concat, ...");
  return types;
}

ConversationOpener OpenSharded(const ConfigNode& environment, const EnvironmentServices& services,
                               const std::vector<std::string>& types) {
  std::map<std::string, std::shared_ptr<EnvironmentMaker>> makers;
  for (const std::string& type : types) {
    ConfigNode section = environment;
    ConfigNode conversation;
    conversation.kind = ConfigNode::Kind::kScalar;
    conversation.place = environment.place;
    conversation.scalar = type;
    section.Set("conversation", std::move(conversation));
    makers[type] = MakeEnvironment(&section, services);
  }
  return [makers](const Prompt& prompt, const std::string& type, RandomKey group) {
    const std::shared_ptr<EnvironmentMaker> maker = makers.at(type);
    OpenedConversation opened;
    // The opening does not depend on the sample.
    opened.messages = maker->Make()->Reset(prompt, group, group[0]);
    opened.make = [maker, prompt, group](int sample) {
      std::unique_ptr<Environment> environment = maker->Make();
      environment->Reset(prompt, group, group[static_cast<uint64_t>(sample)]);
      return environment;
    };
    if (const auto text = ReadShards(prompt))
      opened.num_shards = static_cast<int>(text->shards.size());
    return opened;
  };
}

ScoredConversation ScoreTranscript(const Transcript& t, const std::string& task) {
  ScoredConversation scored;
  scored.instruction = t.instruction;
  scored.task = task;
  scored.score = t.result.verdict == Verdict::kRight ? 100 : 0;
  scored.num_shards = t.num_shards;
  for (const Transcript::Turn& turn : t.turns) {
    const TurnOutcome& o = turn.reply.outcome;
    scored.turns.push_back({.strategy = o.strategy,
                            .specified = o.illocution != Illocution::kUnderspecified,
                            .right = o.right});
  }
  return scored;
}

LostInConversationResult EvaluateLostInConversation(
    const Model& model, const Tokenizer& tokenizer, const PromptSource& prompts,
    const ConversationOpener& open, const LostInConversationOptions& options,
    const std::function<void(int64_t, int64_t)>& progress) {
  RLVR_CHECK(options.num_simulations >= 1) << options.num_simulations;
  const auto start = std::chrono::steady_clock::now();
  const std::vector<std::string> types =
      ParseConversationTypes(options.types, "lost-in-conversation");
  const int64_t n = options.max_instructions > 0
                        ? std::min(options.max_instructions, prompts.size())
                        : prompts.size();
  const int N = options.num_simulations;
  LostInConversationResult result;
  for (int64_t i = 0; i < n; ++i) result.prompts.push_back(prompts.Get(i));

  // Recorders write to their transcripts while others are made: the list must not move.
  result.transcripts.resize(types.size() * static_cast<size_t>(n) * static_cast<size_t>(N));
  const RandomKey key = StreamKey(options.seed, Stream::kEval);
  std::vector<RolloutRequest> requests;
  std::vector<Transcript*> first;  // of each request
  Transcript* next = result.transcripts.data();
  for (const std::string& type : types) {
    // A type's keys are its place among all types, so that leaving one out changes no other.
    const auto number = static_cast<uint64_t>(
        std::find(ConversationTypes().begin(), ConversationTypes().end(), type) -
        ConversationTypes().begin());
    // Simulations of a group share their opening; every shuffled instruction is one of its own.
    const int groups = type == "shuffle_concat" ? N : 1;
    for (int64_t i = 0; i < n; ++i) {
      const Prompt& prompt = result.prompts[static_cast<size_t>(i)];
      for (int g = 0; g < groups; ++g) {
        const RandomKey group = key[number][static_cast<uint64_t>(i)][static_cast<uint64_t>(g)];
        OpenedConversation opened = open(prompt, type, group);
        RolloutRequest r;
        r.tree.prompt_index = i;
        r.tree.data_source = prompt.data_source;
        r.tree.segments.push_back({.tokens = EncodeOpening(tokenizer, opened.messages)});
        r.num_samples = N / groups;
        r.key = group;
        for (int s = 0; s < r.num_samples; ++s) {
          next[s].type = type;
          next[s].instruction = i;
          next[s].simulation = g + s;
          next[s].num_shards = opened.num_shards;
          next[s].opening = opened.messages;
        }
        r.conversation = [make = std::move(opened.make), next](int sample) {
          return std::make_unique<Recorder>(make(sample), next + sample);
        };
        first.push_back(next);
        next += r.num_samples;
        requests.push_back(std::move(r));
      }
    }
  }
  const std::vector<Tree> trees =
      Rollout(model, tokenizer, options.rollout, std::move(requests), nullptr, progress);

  for (size_t r = 0; r < trees.size(); ++r) {
    for (size_t l = 0; l < trees[r].leaves.size(); ++l) {
      Transcript& t = first[r][l];
      t.finish = trees[r].leaves[l].finish;
      t.tree = Chain(trees[r], trees[r].leaves[l]);
      size_t turn = 0;
      for (size_t s = 0; s < t.tree.segments.size(); ++s) {
        if (t.tree.segments[s].author != Author::kPolicy) continue;
        // A turn that a limit cut off before it was judged is in the tree alone.
        if (turn < t.turns.size()) t.turns[turn++].segment = static_cast<int32_t>(s);
      }
    }
  }

  const RandomKey bootstrap = key[~uint64_t{0}];
  for (const std::string& type : types) {
    LostInConversationResult::Type& row = result.types.emplace_back();
    row.name = type;
    row.relative = NoInterval();
    std::vector<ScoredConversation> scored;
    for (const Transcript& t : result.transcripts) {
      if (t.type != type) continue;
      if (t.finish == Finish::kAborted) {
        ++row.failed;
        continue;
      }
      row.cut += t.finish == Finish::kLength;
      scored.push_back(
          ScoreTranscript(t, result.prompts[static_cast<size_t>(t.instruction)].data_source));
      for (const auto& [name, value] : t.result.metrics) row.metrics[name] += value;
    }
    for (auto& [name, value] : row.metrics) value /= static_cast<double>(scored.size());
    row.summary = Summarize(scored, bootstrap[0]);
    if (result.types[0].name == "full")
      row.relative = RelativeScore(row.summary, result.types[0].summary, bootstrap[1]);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace rlvr
