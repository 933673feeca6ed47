// What a client did wrong, in OpenAI's form.
#ifndef RLVR_SERVE_API_ERROR_H_
#define RLVR_SERVE_API_ERROR_H_
#include <stdexcept>
#include <string>
#include <utility>

namespace rlvr {

struct ApiError : std::runtime_error {
  // param: the field that is wrong; code: a word for programs ("context_length_exceeded"), or none.
  ApiError(int http_status, const std::string& message, std::string field, std::string word = "")
      : std::runtime_error(message),
        status(http_status),
        param(std::move(field)),
        code(std::move(word)) {}
  int status;
  std::string param, code;
};

// {"error": {"message", "type", "param", "code"}}; the type follows from the status.
std::string ErrorBody(int status, const std::string& message, const std::string& param = "",
                      const std::string& code = "");

}  // namespace rlvr
#endif  // RLVR_SERVE_API_ERROR_H_
