// Guess what the other side thinks of: an object with a few attributes, each with finitely many values.
// Its words: how attributes are written in a recipe, what the oracle says, how a question is read. The
// environment (env/attributes.h) and the dialogues of a cold start (data/attribute_dialogues.h) say the
// same.
#ifndef RLVR_DATA_ATTRIBUTE_GAME_H_
#define RLVR_DATA_ATTRIBUTE_GAME_H_
#include <string>
#include <vector>

#include "base/random.h"

namespace rlvr {

struct Attribute {
  std::string name;                 // one word
  std::vector<std::string> values;  // one word each, in no other attribute
  std::vector<double> weights;      // the prior
};

inline constexpr const char* kDefaultAttributes =
    "color=red|blue|green|yellow; animal=cat|dog|fox|hen|owl|pig|cow|bee; size=big|small";
inline constexpr const char* kDefaultMarker = "Answer:";  // a guess comes after it

// "color=red*3|blue|green; size=big|small": values with their weights, 1 unless given. Throws Error.
std::vector<Attribute> ParseAttributes(const std::string& text);

// What a turn of the policy asks for, by the words in it: names of attributes and of values.
//   a guess      what follows the marker
//   yes or no    values of one attribute, with or without its name: "Is it red or blue?"
//   open         the name of one attribute: "What is the color?"
//   nothing      no such word, or words of several attributes: the oracle answers one at a time
struct AttributeQuestion {
  enum class Kind { kGuess, kYesNo, kOpen, kNothing } kind = Kind::kNothing;
  size_t attribute = 0;
  std::vector<size_t> values;              // asked about, rising
  std::vector<std::vector<size_t>> guess;  // [attributes] values named after the marker
};
AttributeQuestion ReadQuestion(const std::vector<Attribute>& attributes, const std::string& marker,
                               const std::string& text);

// A value of each attribute from the prior: number i from position i of the key. [attributes]
std::vector<size_t> DrawObject(const std::vector<Attribute>& attributes, RandomKey key);

// What the oracle opens with.
std::string OracleOpening(const std::vector<Attribute>& attributes, const std::string& marker);
// Its answer to anything but a guess.
std::string OracleAnswer(const std::vector<Attribute>& attributes,
                         const std::vector<size_t>& object, const AttributeQuestion& question);
// [values of question.attribute] which the answer leaves possible; of a question that asks for
// something.
std::vector<char> ConsistentValues(const std::vector<Attribute>& attributes,
                                   const std::vector<size_t>& object,
                                   const AttributeQuestion& question);

}  // namespace rlvr
#endif  // RLVR_DATA_ATTRIBUTE_GAME_H_
