// The command line: argv -> one call below -> text. One file per command, no logic.
#ifndef RLVR_CLI_CLI_H_
#define RLVR_CLI_CLI_H_
namespace rlvr {
// Returns the exit code: 0, 1 for an Error (one line on stderr), 2 for wrong usage, 130 when
// interrupted.
int RunCommandLine(int argc, char** argv);
}  // namespace rlvr
#endif  // RLVR_CLI_CLI_H_
