// Runs the program of a response against unit tests in a sandbox. docs/sandbox.md.
#ifndef RLVR_VERIFY_SANDBOX_CODE_VERIFIER_H_
#define RLVR_VERIFY_SANDBOX_CODE_VERIFIER_H_
#include <memory>

#include "verify/sandbox/sandbox.h"
#include "verify/verify.h"

namespace rlvr {

// Right: every test passed. Timed out: the first that failed took more than its time. Broken: the
// ground truth has no tests, or the sandbox failed. Else wrong. Metric: tests_passed, the share; with
// score "share" it is the score too, and tests go on after one that failed.
std::unique_ptr<Verifier> MakeCodeVerifier(const SandboxSettings& settings);

}  // namespace rlvr
#endif  // RLVR_VERIFY_SANDBOX_CODE_VERIFIER_H_
