// Text for an HTML page: everything that comes from a file goes through EscapeHtml.
#ifndef RLVR_REPORT_HTML_H_
#define RLVR_REPORT_HTML_H_
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

// For text and for attributes in double quotes. Control characters other than newline and tab
// become U+FFFD, so that no file can smuggle one in.
std::string EscapeHtml(std::string_view text);

enum class Unit { kNumber, kPercent };
// "0.213", "18.4k", "2.1e-05"; "78.4 %". "-" for NaN.
std::string FormatValue(double value, Unit unit);

// A JSON array with enough digits for a chart; NaN as null.
std::string JsonArray(const std::vector<double>& values);

extern const char kChartStyle[];  // CSS of drawings and the colours, light and dark
extern const char kPageStyle[];   // CSS of everything else
extern const char kPageScript[];  // tooltips and the switch of token colours

}  // namespace rlvr
#endif  // RLVR_REPORT_HTML_H_
