#include "text/jinja/jinja.h"

#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"

namespace rlvr::jinja {

struct Template::Tree {
  Block block;
};

Template::Template(const std::string& source, const std::string& place)
    : place_(place), tree_(new Tree{ParseTemplate(source, place)}) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

Rendered Template::Render(const std::vector<std::pair<std::string, Value>>& variables,
                          int64_t now) const {
  Interpreter in(place_, now);
  in.Run(tree_->block, variables);
  return {in.output(), in.generated()};
}

}  // namespace rlvr::jinja
