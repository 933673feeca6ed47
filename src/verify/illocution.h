// ICPO's reward, arXiv:2601.15330: a verifiable reward that knows whether the user's request can be
// answered at all. docs/icpo.md says what of it is the paper's and what is reconstruction, and when
// asking pays.
#ifndef RLVR_VERIFY_ILLOCUTION_H_
#define RLVR_VERIFY_ILLOCUTION_H_
#include <string>
#include <string_view>
#include <vector>

#include "tree/tree.h"

namespace rlvr {

//   specified        right                       correct
//                    else, an attempt            wrong
//                    else                        wrong - penalty_needless
//   underspecified   clarification, interrogation    1
//                    hedge, discussion, refuse       r_hedge, r_discussion, r_refuse
//                      (each 0 where clarify_requires_missing and it names nothing that is missing)
//                    answer_attempt                  -penalty_confident
//                    missing                         0
// With the defaults the paper's: 1 for what is no answer, 0 for an answer. The options are ours.
struct IllocutionSettings {      // reward.illocution
  std::string name = "none";     // or icpo_illocution, or its alias icpo
  double penalty_confident = 0;  // c
  double penalty_needless = 0;   // l
  double r_refuse = 1, r_hedge = 1, r_discussion = 1;
  // What is no answer pays only if it names something removed, by this share of its content words.
  bool clarify_requires_missing = false;
  double tau = 0.5;
  bool format = false;            // a specified prompt's blank turn gets 0: no penalty, and
                                  // no `wrong` below 0
  double correct = 1, wrong = 0;  // reward.correct, reward.wrong

  bool on() const { return name != "none"; }

  // All but the name and what is the run's.
  template <class Visitor>
  void Params(Visitor& p) {
    p("penalty_confident", penalty_confident, 0.0, 1e6);
    p("penalty_needless", penalty_needless, 0.0, 1e6);
    p("r_refuse", r_refuse, 0.0, 1.0);
    p("r_hedge", r_hedge, 0.0, 1.0);
    p("r_discussion", r_discussion, 0.0, 1.0);
    p("clarify_requires_missing", clarify_requires_missing);
    p("tau", tau, 0.0, 1.0);
    p("format", format);
  }
};

// The reward of one turn. right: the verifier's verdict on its answer. names_missing: NamesMissing
// of its text; only read with clarify_requires_missing. A request that nobody labelled counts as
// specified.
double IllocutionReward(const IllocutionSettings& settings, Illocution illocution,
                        TurnStrategy strategy, bool right, bool names_missing = true);

// The turn did what the reward asks for: a right answer to a specified request; to another
// whatever earns more than nothing.
bool MeetsIllocution(const IllocutionSettings& settings, Illocution illocution,
                     TurnStrategy strategy, bool right, bool names_missing = true);

// The turn names one of the removed conditions. What counts are its questions; where it has none, its
// sentences without a calculation. At least the share tau of a sentence's content words must occur in
// a removed condition, and a smaller share in each sentence of `told`: what is known already is not
// asked for. A word before a number ("day 1") must have that number there; other numbers do not count,
// for nobody can name them before they are told. Conditions that are numbers only cannot be named:
// where all are such, any turn does.
bool NamesMissing(std::string_view turn, const std::vector<std::string>& told,
                  const std::vector<std::string>& missing, double tau);

// What a prompt says of itself in extra_info: {"illocution": "underspecified", "missing": ["..."]}.
struct PromptIllocution {
  Illocution illocution = Illocution::kSpecified;
  bool given = false;  // it says so; else specified is assumed
  std::vector<std::string> missing;
};
// extra_info: JSON text or nothing. place: of the prompt, for the Error where it says something else.
PromptIllocution IllocutionOf(std::string_view extra_info, const std::string& place);

}  // namespace rlvr
#endif  // RLVR_VERIFY_ILLOCUTION_H_
