// Generated dialogues of the game of attributes (data/attribute_game.h): what a cold start trains on, so
// that a model knows how to ask. Most of their askers are mediocre: they ask about what they know, about
// single values, or nothing in particular, guess too early, and forget an attribute in their guess.
// Reinforcement learning can select from that.
#ifndef RLVR_DATA_ATTRIBUTE_DIALOGUES_H_
#define RLVR_DATA_ATTRIBUTE_DIALOGUES_H_
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "data/attribute_game.h"

namespace rlvr {

struct AttributeDialogueOptions {
  std::string attributes = kDefaultAttributes;
  int turns = 8;  // of the asker at most; a guess is the last
  // Bad habits, as chances at each turn of an asker who has them.
  double early = 0.15;  // guesses though something is unknown
  double vague = 0.15;  // else asks a question that names nothing
  double known = 0.35;  // else asks about something that is known
  double narrow = 0.6;  // asks about one or two values instead of the attribute
  double forget = 0.2;  // the guess lacks an attribute
};

// From "attribute_dialogues:early=0.1,known=0.2": the keys above.
AttributeDialogueOptions ParseAttributeDialogueOptions(const std::string& text);

struct AttributeDialogue {
  std::vector<std::pair<std::string, std::string>>
      messages;                // role, content; the last is the guess
  std::vector<size_t> object;  // [attributes] what was sought
  bool careful = false;
};

// careful: share of askers without bad habits: each attribute asked for once, openly, then a whole
// guess. attributes: those of options, parsed. A function of its arguments.
AttributeDialogue MakeAttributeDialogue(const std::vector<Attribute>& attributes,
                                        const AttributeDialogueOptions& options, double careful,
                                        RandomKey key);

}  // namespace rlvr
#endif  // RLVR_DATA_ATTRIBUTE_DIALOGUES_H_
