#include "report/terminal_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace rlvr {
namespace {

// A grid of dots: 2 columns and 4 rows to a character.
class Canvas {
 public:
  Canvas(int columns, int rows)
      : columns_(columns), cells_(static_cast<size_t>(columns) * static_cast<size_t>(rows)) {}

  void Dot(int x, int y) {
    // Bit of each dot within U+2800 + bits: the left column is 0, 1, 2, 6, the right 3, 4, 5, 7.
    constexpr int kBit[4][2] = {{0, 3}, {1, 4}, {2, 5}, {6, 7}};
    cells_[static_cast<size_t>(y / 4 * columns_ + x / 2)] |=
        static_cast<uint8_t>(1 << kBit[y % 4][x % 2]);
  }

  void Line(int x0, int y0, int x1, int y1) {
    const int length = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= length; ++i) {
      const double t = static_cast<double>(i) / length;
      Dot(static_cast<int>(std::lround(x0 + t * (x1 - x0))),
          static_cast<int>(std::lround(y0 + t * (y1 - y0))));
    }
  }

  std::string Row(int row) const {
    std::string text;
    for (int c = 0; c < columns_; ++c) {
      const uint8_t bits = cells_[static_cast<size_t>(row * columns_ + c)];
      if (bits == 0) {
        text += ' ';
        continue;
      }
      text += '\xe2';  // UTF-8 of U+2800 + bits
      text += static_cast<char>(0xa0 + (bits >> 6));
      text += static_cast<char>(0x80 + (bits & 0x3f));
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
  }

 private:
  int columns_;
  std::vector<uint8_t> cells_;
};

}  // namespace

std::string TerminalPlot(const std::string& title, const std::vector<double>& x,
                         const std::vector<double>& y, int columns, int rows) {
  columns = std::max(columns, 8);
  rows = std::max(rows, 2);
  std::vector<size_t> points;
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    if (std::isfinite(x[i]) && std::isfinite(y[i])) points.push_back(i);
  }
  if (points.empty()) return "";
  const double x_low = x[points.front()], x_high = x[points.back()];
  double low = y[points[0]], high = low;
  for (const size_t i : points) {
    low = std::min(low, y[i]);
    high = std::max(high, y[i]);
  }
  const int dots_x = 2 * columns - 1, dots_y = 4 * rows - 1;
  const auto column = [&](double v) {
    return x_high > x_low ? static_cast<int>(std::lround((v - x_low) / (x_high - x_low) * dots_x))
                          : 0;
  };
  const auto row = [&](double v) {
    return high > low ? static_cast<int>(std::lround((high - v) / (high - low) * dots_y))
                      : dots_y / 2;
  };
  Canvas canvas(columns, rows);
  for (size_t p = 0; p < points.size(); ++p) {
    const size_t i = points[p];
    // A gap in the numbers is a gap in the line.
    const size_t from = p > 0 && points[p - 1] + 1 == i ? points[p - 1] : i;
    canvas.Line(column(x[from]), row(y[from]), column(x[i]), row(y[i]));
  }

  std::string text = title + "\n";
  for (int r = 0; r < rows; ++r) {
    std::string label;
    if (r == 0) label = fmt::format("{:.4g}", high);
    if (r == rows - 1 && high > low) label = fmt::format("{:.4g}", low);
    text += fmt::format("{:>9} {}{}\n", label, label.empty() ? "│" : "┤", canvas.Row(r));
  }
  text += fmt::format("{:>9} └", "");
  for (int c = 0; c < columns; ++c) text += "─";
  const std::string last = fmt::format("{:g}", x_high);
  text += fmt::format("\n{:>9}  {:<{}}{}\n", "", fmt::format("{:g}", x_low),
                      columns - static_cast<int>(last.size()), last);
  return text;
}

}  // namespace rlvr
