// Guess what the other side thinks of: an object with a few attributes, each with finitely many
// values. The policy asks about one attribute a turn, a template oracle answers, and a guess ends
// the conversation. After Nous ("Dialogue as Discovery", arXiv:2510.27410), which asks about
// diagrams: the reward of a turn is its information gain in bits, in closed form
// (verify/information_gain.h).
#ifndef RLVR_ENV_ATTRIBUTES_H_
#define RLVR_ENV_ATTRIBUTES_H_
#include <memory>
#include <string>
#include <vector>

#include "data/attribute_game.h"
#include "env/environment.h"
#include "verify/information_gain.h"

namespace rlvr {

struct AttributesSettings {
  std::string attributes = kDefaultAttributes;
  // What a turn is paid: gain (bits), resolved (1 for an attribute of which one value is left, the
  // paper's ablation), none.
  std::string turn_reward = "gain";
  double coefficient = 1;               // of the turn's reward
  std::string marker = kDefaultMarker;  // a guess comes after it

  template <class Visitor>
  void Params(Visitor& p) {
    p("attributes", attributes);
    p("turn_reward", turn_reward, std::vector<std::string>{"gain", "resolved", "none"});
    p("coefficient", coefficient, 0.0, 1e6);
    p("marker", marker);
  }
};

// The object is drawn from the prior by the group's key, so that all samples of a group seek the
// same. The prompt of the data set gives the key alone.
class AttributesEnvironment : public Environment {
 public:
  // correct, wrong: scores.
  explicit AttributesEnvironment(const AttributesSettings& settings, double correct = 1,
                                 double wrong = 0);
  std::vector<Message> Reset(const Prompt& prompt, RandomKey group, RandomKey sample) override;
  Reply Step(const PolicyTurn& turn) override;
  ConversationResult End(Finish finish) override;

  const Belief& belief() const { return belief_; }
  const std::vector<size_t>& object() const { return object_; }  // [attributes] value

 private:
  AttributesSettings settings_;
  double correct_, wrong_;
  std::vector<Attribute> attributes_;
  Belief belief_;
  double bits_at_start_ = 0;
  std::vector<size_t> object_;
  std::string guess_;
  bool right_ = false;
  int questions_ = 0, useless_ = 0;
};

std::unique_ptr<EnvironmentMaker> MakeAttributes(const AttributesSettings& settings,
                                                 const EnvironmentServices& services);

}  // namespace rlvr
#endif  // RLVR_ENV_ATTRIBUTES_H_
