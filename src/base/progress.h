// A progress bar on standard error: redrawn in place on a terminal; elsewhere one plain line every
// ten per cent. Shows nothing if the work takes less than two seconds.
#ifndef RLVR_BASE_PROGRESS_H_
#define RLVR_BASE_PROGRESS_H_
#include <chrono>
#include <cstdint>
#include <string>

namespace rlvr {

class Progress {
 public:
  Progress(std::string title, int64_t total);
  ~Progress();  // leaves the last line standing
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // done of total so far; note: a few words beside the bar ("score 0.41  entropy 0.73").
  void Update(int64_t done, const std::string& note = "");

 private:
  void Draw(int64_t done, const std::string& note, double seconds);
  std::string title_, last_note_;
  int64_t total_, last_done_ = 0;
  int last_tenth_ = 0;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_draw_;
};

bool StderrIsTerminal();
bool StdoutIsTerminal();
// "1 h 02 min", "3 min 04 s", "12 s"
std::string FormatDuration(double seconds);

}  // namespace rlvr
#endif  // RLVR_BASE_PROGRESS_H_
