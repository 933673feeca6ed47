// The Jinja that models' chat templates are written in, as transformers runs it (a sandbox with
// trim_blocks, lstrip_blocks, loop controls, its own tojson, and generation blocks). What is not
// supported is an Error that names it. A template can neither hang nor exhaust memory: it may do a
// bounded amount of work. Read value.h, ast.h, interpreter.h next.
#ifndef RLVR_TEXT_JINJA_JINJA_H_
#define RLVR_TEXT_JINJA_JINJA_H_
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace rlvr::jinja {

struct Rendered {
  Text text;                                         // with where each byte is from
  std::vector<std::pair<size_t, size_t>> generated;  // [begin, end) of generation blocks
};

class Template {
 public:
  // place: for messages, which add the line. Throws Error.
  Template(const std::string& source, const std::string& place);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  // now: seconds since 1970 for strftime_now; < 0: the clock's. Thread-safe. Throws Error.
  Rendered Render(const std::vector<std::pair<std::string, Value>>& variables,
                  int64_t now = -1) const;

 private:
  struct Tree;
  std::string place_;
  std::unique_ptr<const Tree> tree_;
};

}  // namespace rlvr::jinja
#endif  // RLVR_TEXT_JINJA_JINJA_H_
