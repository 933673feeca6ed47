// The roofline as a picture.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "bench/bench.h"

namespace rlvr {
namespace {

constexpr double kWidth = 640, kHeight = 400, kLeft = 60, kBottom = 40, kTop = 16, kRight = 150;
constexpr const char* kColors[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e"};

struct Axis {
  double low, high, from, to;  // powers of ten; pixels
  double operator()(double value) const {
    return from + (std::log10(value) - low) / (high - low) * (to - from);
  }
};

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  return out;
}

}  // namespace

std::string BenchSvg(const BenchReport& r) {
  std::vector<const BenchItem*> dots;
  double least = 1e9, most = 0, slowest = 1e9;
  for (const BenchItem& item : r.items) {
    if (item.work.gflop == 0 || item.work.gb == 0) continue;
    dots.push_back(&item);
    least = std::min(least, Intensity(item.work));
    most = std::max(most, Intensity(item.work));
    slowest = std::min(slowest, item.work.gflop / item.timing.seconds);
  }
  const Peaks& peaks = r.peaks.back();
  const double top = std::max(peaks.gflops_bf16, peaks.gflops_fp32);
  const Axis x{std::floor(std::log10(std::min(least, 1.0))), std::ceil(std::log10(most + 1)), kLeft,
               kWidth - kRight};
  const Axis y{std::floor(std::log10(std::min(slowest, peaks.read_gbs))),
               std::ceil(std::log10(top)), kHeight - kBottom, kTop};
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" "
      "font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth, kHeight);
  const auto text = [&](double px, double py, const char* anchor, const std::string& words) {
    out += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"{}\">{}</text>\n", px, py,
                       anchor, Escaped(words));
  };
  const auto line = [&](double x1, double y1, double x2, double y2, const char* stroke) {
    out += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1,
        x2, y2, stroke);
  };
  for (double p = x.low; p <= x.high; ++p) {
    const double at = x(std::pow(10, p));
    line(at, kTop, at, kHeight - kBottom, "#ddd");
    text(at, kHeight - kBottom + 14, "middle", fmt::format("{:g}", std::pow(10, p)));
  }
  for (double p = y.low; p <= y.high; ++p) {
    const double at = y(std::pow(10, p));
    line(kLeft, at, kWidth - kRight, at, "#ddd");
    text(kLeft - 6, at + 4, "end", fmt::format("{:g}", std::pow(10, p)));
  }
  text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", "operations a byte");
  text(kLeft, 11, "start", "GFLOP/s, " + r.model + ", " + ToString(r.compute));
  for (const auto& [name, peak] :
       {std::pair("fp32", peaks.gflops_fp32), std::pair("bf16", peaks.gflops_bf16)}) {
    const double ridge = peak / peaks.read_gbs;  // operations a byte at which the roof is flat
    const double begin = std::max(std::pow(10, x.low), std::pow(10, y.low) / peaks.read_gbs);
    line(x(begin), y(begin * peaks.read_gbs), x(ridge), y(peak), "black");
    line(x(ridge), y(peak), kWidth - kRight, y(peak), "black");
    text(kWidth - kRight + 4, y(peak) + 4, "start", fmt::format("{} {:.0f}", name, peak));
  }
  std::map<std::string, const char*> colors;
  for (const BenchItem* item : dots) {
    const auto [at, added] = colors.emplace(item->section, "");
    if (added) {
      at->second = kColors[(colors.size() - 1) % std::size(kColors)];
      const double row = kHeight - kBottom - 16 * static_cast<double>(colors.size());
      out += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\"/>\n",
                         kWidth - kRight + 10, row, at->second);
      text(kWidth - kRight + 18, row + 4, "start", item->section);
    }
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\" fill-opacity=\"0.6\"><title>{}: "
        "{:.0f} %</title></circle>\n",
        x(Intensity(item->work)), y(item->work.gflop / item->timing.seconds), at->second,
        Escaped(item->name), 100 * item->share);
  }
  return out + "</svg>\n";
}

}  // namespace rlvr
