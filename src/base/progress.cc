#include "base/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace rlvr {
namespace {
double SecondsBetween(std::chrono::steady_clock::time_point a,
                      std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}
int TerminalWidth() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}
}  // namespace

bool StderrIsTerminal() { return isatty(STDERR_FILENO) == 1; }
bool StdoutIsTerminal() { return isatty(STDOUT_FILENO) == 1; }

std::string FormatDuration(double seconds) {
  const int64_t s = std::max<int64_t>(0, static_cast<int64_t>(seconds + 0.5));
  if (s >= 3600) return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

Progress::Progress(std::string title, int64_t total)
    : title_(std::move(title)),
      total_(std::max<int64_t>(total, 1)),
      terminal_(StderrIsTerminal()),
      start_(std::chrono::steady_clock::now()),
      last_draw_(start_) {}

void Progress::Update(int64_t done, const std::string& note) {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = SecondsBetween(start_, now);
  last_done_ = done;
  last_note_ = note;
  if (seconds < 2) return;
  if (terminal_) {
    if (drawn_ && done < total_ && SecondsBetween(last_draw_, now) < 0.1) return;
  } else {
    const int tenth = static_cast<int>(10 * done / total_);
    if (tenth <= last_tenth_) return;
    last_tenth_ = tenth;
  }
  last_draw_ = now;
  Draw(done, note, seconds);
}

void Progress::Draw(int64_t done, const std::string& note, double seconds) {
  drawn_ = true;
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const double left = share > 0 ? seconds / share * (1 - share) : 0;
  const std::string time =
      done >= total_ ? "in " + FormatDuration(seconds) : FormatDuration(left) + " left";
  if (!terminal_) {
    std::fprintf(stderr, "%s %3.0f %%  %lld/%lld  %s  %s\n", title_.c_str(), 100 * share,
                 static_cast<long long>(done), static_cast<long long>(total_), time.c_str(),
                 note.c_str());
    return;
  }
  constexpr int kBar = 24;
  std::string bar;
  for (int i = 0; i < kBar; ++i) bar += i < share * kBar ? "█" : "░";
  // Cut to the terminal's width in characters: the bar is the only part wider in bytes than in
  // cells.
  std::string tail = fmt::format(" {}/{}  {}  {}", done, total_, time, note);
  const int room = TerminalWidth() - 1 - static_cast<int>(title_.size()) - 1 - kBar;
  if (static_cast<int>(tail.size()) > room) tail.resize(static_cast<size_t>(std::max(room, 0)));
  std::fprintf(stderr, "\r\x1b[K%s %s%s", title_.c_str(), bar.c_str(), tail.c_str());
  std::fflush(stderr);
}

Progress::~Progress() {
  if (!drawn_) return;
  if (terminal_) {
    Draw(last_done_, last_note_, SecondsBetween(start_, std::chrono::steady_clock::now()));
    std::fputc('\n', stderr);
  }
}

}  // namespace rlvr
