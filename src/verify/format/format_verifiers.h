// Verifiers of a response's form: the very answer, an expression, a schema. docs/own_reward.md lists
// them all.
#ifndef RLVR_VERIFY_FORMAT_FORMAT_VERIFIERS_H_
#define RLVR_VERIFY_FORMAT_FORMAT_VERIFIERS_H_
#include <memory>

#include "verify/verify.h"

namespace rlvr {

// The final answer (ExtractFinalAnswer), or where there is none the whole response, is the ground
// truth, byte for byte but for blanks around it.
std::unique_ptr<Verifier> MakeExactVerifier();
// The ground truth is a PCRE2 expression that matches somewhere in the response (^ and $ at lines, \A
// and \z at the ends). One that takes more than a million steps is timed out.
std::unique_ptr<Verifier> MakeRegexVerifier();
// The ground truth is a JSON Schema (json_schema.h), the response JSON, in a fence or by itself.
std::unique_ptr<Verifier> MakeJsonSchemaVerifier();

}  // namespace rlvr
#endif  // RLVR_VERIFY_FORMAT_FORMAT_VERIFIERS_H_
