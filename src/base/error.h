// Errors: a bug of ours aborts (RLVR_CHECK); a world that is wrong throws Error, which `main`
// prints as one line "place: what (remedy)". Never throw from a destructor.
#ifndef RLVR_BASE_ERROR_H_
#define RLVR_BASE_ERROR_H_
#include <sstream>
#include <stdexcept>
#include <string>

namespace rlvr {

class Error : public std::runtime_error {
 public:
  // place: "recipes/dapo.yaml:12" or "data.jsonl:37"; what went wrong; remedy: what to do about it.
  Error(const std::string& place, const std::string& what, const std::string& remedy)
      : std::runtime_error(place + ": " + what + (remedy.empty() ? "" : " (" + remedy + ")")) {}
};

// The user asked to stop (Ctrl-C or SIGTERM); state has been saved.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace internal {
class CheckFailure {  // prints and aborts when the streamed message is complete
 public:
  CheckFailure(const char* file, int line, const char* condition);
  [[noreturn]] ~CheckFailure();
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};
}  // namespace internal
}  // namespace rlvr

// Also in release builds: a wrong shape must never become a wrong number.
#define RLVR_CHECK(condition)                              \
  if (__builtin_expect(static_cast<bool>(condition), 1)) { \
  } else /* NOLINT */                                      \
    ::rlvr::internal::CheckFailure(__FILE__, __LINE__, #condition).stream()

#endif  // RLVR_BASE_ERROR_H_
