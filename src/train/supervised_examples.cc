#include "train/supervised_examples.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "data/attribute_dialogues.h"
#include "data/data.h"
#include "data/gsm_micro.h"
#include "data/gsm_micro_dialogues.h"

namespace rlvr {
namespace {

constexpr const char* kAssistant = "assistant";

// The prompt's messages and the response to them.
Example RespondTo(const Prompt& prompt, std::string response) {
  Example example{.messages = {}, .index = prompt.index, .first_turn = prompt.messages.size()};
  for (const auto& [role, content] : prompt.messages) example.messages.push_back({role, content});
  example.messages.push_back({kAssistant, std::move(response)});
  return example;
}

std::string NameOf(const std::string& text) { return text.substr(0, text.find(':')); }

std::string OptionsIn(const std::string& text) {
  const size_t colon = text.find(':');
  return colon == std::string::npos ? "" : text.substr(colon + 1);
}

// "gsm_micro" or "gsm_micro:max_steps=4,min_steps=2".
GsmMicroOptions OptionsOf(const std::string& text) {
  if (NameOf(text) != "gsm_micro") {
    throw Error("supervised.text", "'" + text + "' has no worked solutions",
                "pretrain on gsm_micro, gsm_micro_dialogues or attribute_dialogues");
  }
  return ParseGsmMicroOptions(OptionsIn(text));
}

// Problems in the order of the seed, each with a careful or a sloppy solution; endless.
class GsmMicroExamples {
 public:
  GsmMicroExamples(const Recipe& recipe)
      : options_(OptionsOf(recipe.supervised.text)),
        prompts_(OpenPrompts(recipe.supervised.text, Split::kTrain, recipe.seed)),
        order_(prompts_->size(), recipe.seed),
        seed_(recipe.seed),
        careful_(recipe.supervised.careful) {}

  Example At(int64_t position) {
    const int64_t row = order_.At(position);
    Random random(StreamKey(seed_, Stream::kGenerate)[static_cast<uint64_t>(position)]);
    return RespondTo(prompts_->Get(row), Solution(row, random));
  }

 private:
  std::string Solution(int64_t row, Random& random) const {
    const bool careful = random.Uniform() < careful_;
    if (options_.shards) {
      const ShardedGsmMicro problem = MakeShardedGsmMicro(options_, seed_, Split::kTrain, row);
      return careful ? DatedSolution(problem) : SloppyDatedSolution(problem, random);
    }
    const GsmMicroProblem problem = MakeGsmMicro(options_, seed_, Split::kTrain, row);
    return careful ? CarefulSolution(problem) : SloppySolution(problem, random);
  }

  GsmMicroOptions options_;
  std::unique_ptr<PromptSource> prompts_;
  PromptOrder order_;
  uint64_t seed_;
  double careful_;
};

// Generated dialogues (data/gsm_micro_dialogues.h), each about another problem; endless.
class DialogueExamples {
 public:
  explicit DialogueExamples(const Recipe& recipe)
      : options_(ParseDialogueOptions(OptionsIn(recipe.supervised.text))),
        order_(options_.problem.train_size, recipe.seed),
        seed_(recipe.seed),
        careful_(recipe.supervised.careful) {}

  Example At(int64_t position) {
    Example example{.messages = {}, .index = order_.At(position), .first_turn = 0};
    const RandomKey key = StreamKey(seed_, Stream::kGenerate)[static_cast<uint64_t>(position)];
    const Dialogue dialogue = MakeDialogue(options_, careful_, seed_, example.index, key);
    for (const auto& [role, content] : dialogue.messages)
      example.messages.push_back({role, content});
    return example;
  }

 private:
  DialogueOptions options_;
  PromptOrder order_;
  uint64_t seed_;
  double careful_;
};

// Games of attributes (data/attribute_dialogues.h); endless.
class AttributeExamples {
 public:
  explicit AttributeExamples(const Recipe& recipe)
      : options_(ParseAttributeDialogueOptions(OptionsIn(recipe.supervised.text))),
        attributes_(ParseAttributes(options_.attributes)),
        seed_(recipe.seed),
        careful_(recipe.supervised.careful) {}

  Example At(int64_t position) {
    Example example{.messages = {}, .index = position, .first_turn = 0};
    const RandomKey key = StreamKey(seed_, Stream::kGenerate)[static_cast<uint64_t>(position)];
    const auto dialogue = MakeAttributeDialogue(attributes_, options_, careful_, key);
    for (const auto& [role, content] : dialogue.messages)
      example.messages.push_back({role, content});
    return example;
  }

 private:
  AttributeDialogueOptions options_;
  std::vector<Attribute> attributes_;
  uint64_t seed_;
  double careful_;
};

// {"prompt": text or [{"role", "content"}], "response": text} or {"messages": [{"role", "content"}]}
// a line; in the order of the seed, endless.
class JsonlExamples {
 public:
  explicit JsonlExamples(const Recipe& recipe)
      : examples_(Read(recipe.supervised.text)),
        order_(static_cast<int64_t>(examples_.size()), recipe.seed) {}
  Example At(int64_t position) { return examples_[static_cast<size_t>(order_.At(position))]; }

 private:
  static std::vector<Example> Read(const std::string& path) {
    std::vector<Example> examples;
    const std::string text = ReadFile(path);
    int64_t number = 0;
    for (size_t begin = 0; begin < text.size(); ++number) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string line = text.substr(begin, end - begin);
      begin = end + 1;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      examples.push_back(ParseLine(line, fmt::format("{}:{}", path, number + 1)));
      examples.back().index = static_cast<int64_t>(examples.size()) - 1;
    }
    if (examples.empty())
      throw Error(path, "no samples",
                  "one {\"prompt\": ..., \"response\": ...} or {\"messages\": [...]} a line");
    return examples;
  }

  static std::vector<Message> ParseMessages(const nlohmann::json& list, const std::string& place,
                                            const std::string& remedy) {
    std::vector<Message> messages;
    for (const auto& message : list) {
      if (!message.is_object() || !message.contains("role") || !message.contains("content") ||
          !message["role"].is_string() || !message["content"].is_string()) {
        throw Error(place, "a message needs role and content", remedy);
      }
      messages.push_back(
          {message["role"].get<std::string>(), message["content"].get<std::string>()});
    }
    return messages;
  }

  static Example ParseLine(const std::string& line, const std::string& place) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    const std::string remedy =
        R"(write {"prompt": text or [{"role", "content"}, ...], "response": text}, )"
        R"(or {"messages": [{"role", "content"}, ...]})";
    if (!json.is_object()) throw Error(place, "is no JSON object", remedy);
    Example example;
    if (json.contains("messages")) {
      if (!json["messages"].is_array()) throw Error(place, "messages is no list", remedy);
      example.messages = ParseMessages(json["messages"], place, remedy);
      if (example.messages.empty() || example.messages.back().role != kAssistant)
        throw Error(place, "the last message is not the assistant's",
                    "nothing is learnt from what follows its last turn: leave that out");
      return example;
    }
    if (!json.contains("prompt") || !json.contains("response") || !json["response"].is_string()) {
      throw Error(place, "needs prompt and response", remedy);
    }
    const auto& prompt = json["prompt"];
    if (prompt.is_string()) {
      example.messages.push_back({"user", prompt.get<std::string>()});
    } else if (prompt.is_array()) {
      example.messages = ParseMessages(prompt, place, remedy);
    } else {
      throw Error(place, "the prompt is neither text nor a list of messages", remedy);
    }
    // The roles of a prompt's messages are the data's; its own turn is the response alone.
    example.first_turn = example.messages.size();
    example.messages.push_back({kAssistant, json["response"].get<std::string>()});
    return example;
  }

  std::vector<Example> examples_;
  PromptOrder order_;
};

bool IsLearnt(const Example& example, size_t message) {
  return message >= example.first_turn && example.messages[message].role == kAssistant;
}

template <class Examples>
ExampleSource Open(const Recipe& recipe) {
  return [source = std::make_shared<Examples>(recipe)](int64_t p) { return source->At(p); };
}

}  // namespace

ExampleSource OpenExamples(const Recipe& recipe) {
  const std::string name = NameOf(recipe.supervised.text);
  if (name == "gsm_micro_dialogues") return Open<DialogueExamples>(recipe);
  if (name == "attribute_dialogues") return Open<AttributeExamples>(recipe);
  if (recipe.kind == "pretrain") return Open<GsmMicroExamples>(recipe);
  return Open<JsonlExamples>(recipe);
}

Tree MakeExampleTree(const Tokenizer& tokenizer, std::span<const int32_t> eos,
                     const Example& example, bool on_prompt) {
  Tree tree;
  tree.prompt_index = example.index;
  std::vector<Message> unread;  // since the last turn
  const int32_t end = TurnEndToken(tokenizer, eos);
  const auto add = [&](Author author, std::vector<int32_t> tokens) {
    const auto at = static_cast<int32_t>(tree.segments.size());
    Segment segment;
    segment.parent = at - 1;
    segment.author = author;
    segment.tokens = std::move(tokens);
    tree.segments.push_back(std::move(segment));
  };
  for (size_t m = 0; m < example.messages.size(); ++m) {
    const Message& message = example.messages[m];
    if (!IsLearnt(example, m)) {
      unread.push_back(message);
      continue;
    }
    const bool first = tree.segments.empty();
    add(first ? Author::kPrompt : Author::kEnvironment,
        first ? EncodeOpening(tokenizer, unread) : EncodeReply(tokenizer, end, unread));
    std::vector<int32_t> turn = tokenizer.Encode(message.content, /*parse_special=*/false);
    if (end >= 0) turn.push_back(end);
    add(Author::kExpert, std::move(turn));
    unread.clear();
  }
  RLVR_CHECK(tree.segments.size() >= 2) << "no turn to learn";
  if (on_prompt) {
    auto& root = tree.segments[0].tokens;
    auto& first = tree.segments[1].tokens;
    if (root.size() > 1) {
      first.insert(first.begin(), root.begin() + 1, root.end());
      root.resize(1);
    }
    for (Segment& segment : tree.segments) {
      if (segment.author == Author::kEnvironment) segment.author = Author::kExpert;
    }
  }
  tree.leaves.push_back({.segment = static_cast<int32_t>(tree.segments.size()) - 1});
  return tree;
}

}  // namespace rlvr
