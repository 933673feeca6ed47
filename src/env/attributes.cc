#include "env/attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace rlvr {

AttributesEnvironment::AttributesEnvironment(const AttributesSettings& settings, double correct,
                                             double wrong)
    : settings_(settings),
      correct_(correct),
      wrong_(wrong),
      attributes_(ParseAttributes(settings.attributes)) {
  std::vector<std::vector<double>> weights;
  for (const auto& a : attributes_) weights.push_back(a.weights);
  belief_ = BeliefFrom(weights);
  bits_at_start_ = EntropyBits(belief_);
}

std::vector<Message> AttributesEnvironment::Reset(const Prompt&, RandomKey group, RandomKey) {
  object_ = DrawObject(attributes_, group);
  return {{"user", OracleOpening(attributes_, settings_.marker)}};
}

Reply AttributesEnvironment::Step(const PolicyTurn& turn) {
  using Kind = AttributeQuestion::Kind;
  const AttributeQuestion question = ReadQuestion(attributes_, settings_.marker, turn.text);
  Reply reply;
  const bool known = EntropyBits(belief_) == 0;
  reply.outcome.illocution = known ? Illocution::kSpecified : Illocution::kUnderspecified;
  if (question.kind == Kind::kGuess) {
    std::vector<std::string> words;
    right_ = true;
    for (size_t i = 0; i < attributes_.size(); ++i) {
      right_ = right_ && question.guess[i] == std::vector<size_t>{object_[i]};
      for (const size_t v : question.guess[i]) words.push_back(attributes_[i].values[v]);
    }
    guess_ = fmt::format("{}", fmt::join(words, " "));
    reply.done = true;
    reply.outcome.strategy = TurnStrategy::kAnswerAttempt;
    reply.outcome.right = right_;
    return reply;
  }
  const Belief before = belief_;
  reply.messages = {{"user", OracleAnswer(attributes_, object_, question)}};
  if (question.kind != Kind::kNothing) {
    Constrain(question.attribute, ConsistentValues(attributes_, object_, question), &belief_);
  }
  const double gain = InformationGain(before, belief_);
  double resolved = 0;
  for (size_t i = 0; i < attributes_.size(); ++i)
    resolved += EntropyBits(before, i) > 0 && EntropyBits(belief_, i) == 0;
  if (settings_.turn_reward == "gain")
    reply.outcome.reward = static_cast<float>(settings_.coefficient * gain);
  if (settings_.turn_reward == "resolved")
    reply.outcome.reward = static_cast<float>(settings_.coefficient * resolved);
  if (turn.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    reply.outcome.strategy = TurnStrategy::kMissing;
  } else {
    reply.outcome.strategy =
        question.kind == Kind::kNothing ? TurnStrategy::kDiscussion : TurnStrategy::kClarification;
  }
  ++questions_;
  useless_ += gain == 0;
  return reply;
}

ConversationResult AttributesEnvironment::End(Finish) {
  ConversationResult result;
  result.verdict = right_ ? Verdict::kRight : Verdict::kWrong;
  result.answer = guess_;
  result.score = static_cast<float>(right_ ? correct_ : wrong_);
  result.metrics = {{"bits_left", EntropyBits(belief_)},
                    {"bits_gained", bits_at_start_ - EntropyBits(belief_)},
                    {"questions", questions_},
                    {"useless_questions", useless_}};
  return result;
}

namespace {

class AttributesMaker : public EnvironmentMaker {
 public:
  AttributesMaker(const AttributesSettings& settings, const EnvironmentServices& services)
      : settings_(settings), correct_(services.correct), wrong_(services.wrong) {
    ParseAttributes(settings_.attributes);  // errors come before the first conversation
  }
  std::unique_ptr<Environment> Make() override {
    return std::make_unique<AttributesEnvironment>(settings_, correct_, wrong_);
  }

 private:
  AttributesSettings settings_;
  double correct_, wrong_;
};

}  // namespace

std::unique_ptr<EnvironmentMaker> MakeAttributes(const AttributesSettings& settings,
                                                 const EnvironmentServices& services) {
  return std::make_unique<AttributesMaker>(settings, services);
}

}  // namespace rlvr
