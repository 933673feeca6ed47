// A small curve for the terminal, drawn with braille dots (2 x 4 to a character).
#ifndef RLVR_REPORT_TERMINAL_PLOT_H_
#define RLVR_REPORT_TERMINAL_PLOT_H_
#include <string>
#include <vector>

namespace rlvr {
// title, then `rows` lines with a labelled axis, then the x axis; every line ends in '\n'. The
// plot without its labels is `columns` characters wide. x rises; points that are not finite are
// gaps. "" if there is no finite point.
std::string TerminalPlot(const std::string& title, const std::vector<double>& x,
                         const std::vector<double>& y, int columns = 60, int rows = 8);
}  // namespace rlvr
#endif  // RLVR_REPORT_TERMINAL_PLOT_H_
