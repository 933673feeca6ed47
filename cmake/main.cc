// The program `rlvr`: everything is in src/cli, which is a library so that tests can call it.
#include "cli/cli.h"

int main(int argc, char** argv) { return rlvr::RunCommandLine(argc, argv); }
