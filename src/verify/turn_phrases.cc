#include "verify/turn_phrases.h"

namespace rlvr {

bool SaysCannot(const Sentence& s) {
  if (HasPhrase(s.spoken, {"not enough information", "don't have enough", "do not have enough",
                           "not possible to", "impossible to", "insufficient information"}))
    return true;
  return HasPhrase(s.spoken, {"cannot", "can't", "can not", "unable to", "not able to", "could not",
                              "couldn't"}) &&
         HasPhrase(s.spoken,
                   {"determine", "determined", "calculate", "calculated", "provide", "answer",
                    "answered",  "solve",      "solved",    "give",       "given",   "find",
                    "complete",  "proceed",    "tell",      "say",        "state",   "compute",
                    "computed",  "figure",     "help"});
}

bool SaysGap(const Sentence& s) {
  const bool arrived =
      HasPhrase(s.spoken, {"the additional information", "this additional information",
                           "that additional information", "with additional information",
                           "now have enough information", "we have enough information",
                           "some more information", "thank you for providing"});
  if (arrived)
    return SaysCannot(s) || HasPhrase(s.spoken, {"still need", "need to know", "is missing",
                                                 "are missing", "don't have", "don't know"});
  if (HasPhrase(s.spoken, {"enough information",
                           "enough details",
                           "enough data",
                           "more information",
                           "additional information",
                           "more details",
                           "more context",
                           "more specific",
                           "not provided",
                           "not given",
                           "not specified",
                           "not mentioned",
                           "not stated",
                           "not yet known",
                           "not known",
                           "haven't provided",
                           "have not provided",
                           "hasn't been provided",
                           "has not been provided",
                           "wasn't provided",
                           "were not provided",
                           "weren't provided",
                           "doesn't provide",
                           "does not provide",
                           "didn't provide",
                           "did not provide",
                           "don't provide",
                           "do not provide",
                           "haven't given",
                           "haven't told",
                           "haven't specified",
                           "doesn't specify",
                           "does not specify",
                           "don't specify",
                           "need to know",
                           "still need",
                           "i need",
                           "i'd need",
                           "i'll need",
                           "i would need",
                           "we need more",
                           "you would need",
                           "you'd need",
                           "we would need",
                           "we'd need",
                           "without knowing",
                           "without more",
                           "without additional",
                           "without specific",
                           "without further",
                           "no information",
                           "no specific",
                           "missing information",
                           "missing piece",
                           "still missing",
                           "is missing",
                           "are missing",
                           "not possible to",
                           "impossible to",
                           "insufficient",
                           "still awaiting",
                           "am awaiting",
                           "i don't know",
                           "we don't know",
                           "i do not know",
                           "we do not know",
                           "is unknown",
                           "still unknown",
                           "indeterminate",
                           "undetermined",
                           "remains unknown",
                           "don't have",
                           "do not have",
                           "lack of",
                           "unsolvable",
                           "unspecified",
                           "unclear",
                           "not clear",
                           "not sure",
                           "no mention",
                           "doesn't mention",
                           "does not mention",
                           "didn't mention",
                           "doesn't say",
                           "does not say",
                           "doesn't state",
                           "does not state",
                           "doesn't tell",
                           "does not tell",
                           "isn't given",
                           "isn't provided",
                           "isn't specified",
                           "isn't mentioned",
                           "isn't stated",
                           "isn't known",
                           "aren't given",
                           "aren't provided",
                           "wasn't given",
                           "wasn't specified",
                           "wasn't mentioned",
                           "not solvable",
                           "incomplete"}))
    return true;
  return SaysCannot(s);
}

bool Requests(const Sentence& s) {
  return HasPhrase(s.spoken, {"please provide",
                              "please tell",
                              "please specify",
                              "please clarify",
                              "please share",
                              "please give",
                              "let me know the",
                              "let me know what",
                              "let me know how",
                              "let me know which",
                              "tell me",
                              "if you provide",
                              "if you can provide",
                              "if you could provide",
                              "if you give",
                              "if you share",
                              "if you let me know",
                              "once you provide",
                              "once i have",
                              "once we have",
                              "once you give",
                              "once i know",
                              "once we know",
                              "provide the following",
                              "need the following",
                              "you could provide more",
                              "you can provide more"});
}

bool IsCourtesy(const Sentence& s) {
  return HasPhrase(s.spoken, {"any questions",
                              "any other questions",
                              "further questions",
                              "more questions",
                              "anything else",
                              "else can i help",
                              "would you like",
                              "make sense",
                              "if you need",
                              "need any",
                              "any further",
                              "refine",
                              "any clarification",
                              "let me know if",
                              "please confirm",
                              "is that correct",
                              "is this correct",
                              "did i",
                              "have i",
                              "does that",
                              "does this",
                              "feel free",
                              "happy to"});
}

bool Assumes(const Sentence& s) {
  return HasPhrase(s.spoken, {"hypothetical", "hypothetically", "for example", "for instance",
                              "example scenario", "as an example", "for illustration",
                              "illustrative", "to illustrate", "fictional", "if you told",
                              "if you tell", "let's say", "suppose"});
}

bool TakesBack(const Sentence& s) {
  if (Objects(s) &&
      (HasPhrase(s.spoken, {"not", "no"}) || s.spoken.find("n't") != std::string::npos))
    return true;
  return HasPhrase(s.spoken, {"wait", "incorrect", "not correct", "not be correct", "not accurate",
                              "mistake", "issue with", "contradiction", "doesn't make sense",
                              "does not make sense", "can't be right", "cannot be right"});
}

bool Objects(const Sentence& s) {
  return s.spoken.starts_with("however") || s.spoken.starts_with("but ");
}

bool Offers(const Sentence& s) {
  for (const char* word : {"is ", "are ", "do ", "does ", "did ", "would ", "shall ", "should ",
                           "can i ", "have i ", "has ", "am i ", "want "}) {
    if (s.spoken.starts_with(word)) return true;
  }
  return false;
}

bool Concludes(const Sentence& s) {
  return HasPhrase(s.spoken, {"therefore", "thus", "hence", "so", "in total", "total",
                              "in conclusion", "final answer", "the answer", "this means",
                              "in summary", "altogether", "which means"});
}

bool ConcludesFirmly(const Sentence& s) {
  return s.spoken.starts_with("so ") || s.spoken.starts_with("so,") ||
         HasPhrase(s.spoken,
                   {"therefore", "thus", "hence", "in conclusion", "final answer", "the answer"});
}

bool Hedges(const Sentence& s) {
  return HasPhrase(s.spoken,
                   {"likely", "might", "could be", "probably", "possibly", "perhaps", "maybe",
                    "presumably", "let's say", "suppose", "depends", "depending"});
}

bool IsCase(const Sentence& s) { return HasPhrase(s.spoken, {"if"}); }

}  // namespace rlvr
