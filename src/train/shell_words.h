// The words of a shell script as far as training scripts need it: assignments, variables, integer
// arithmetic, quotes. Nothing is run.
#ifndef RLVR_TRAIN_SHELL_WORDS_H_
#define RLVR_TRAIN_SHELL_WORDS_H_
#include <string>
#include <vector>

namespace rlvr {

// Words of all commands in order; lines that only assign variables (x=1, export x=1) give none.
// $x, ${x}, ${x:-default} and $((x * 2)) are replaced, by the script's own assignments or the
// environment's; an unset variable or a command substitution, $(...), is an Error that names it.
// Inside [ ] outside of quotes, spaces and quotes stay: ['a', 'b'] is one word.
std::vector<std::string> ShellWords(const std::string& script);

}  // namespace rlvr
#endif  // RLVR_TRAIN_SHELL_WORDS_H_
